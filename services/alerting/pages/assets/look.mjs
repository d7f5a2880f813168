// The page of a look: its ground at full size, car by car. Whoever adds to the page hears of the chosen car by the event
// `railwatch:car` of the document, whose `detail` is the car's properties, or null; and of the map by `railwatch:ground`.

import { $ } from "./elements.mjs";
import { GroundMap, divide } from "./ground-map.mjs";

const part = $("#car-by-car");
const said = part && $("#said", part);
const inTiles = part && $("#cars.in-tiles", part);

async function begin() {
  const map = new GroundMap($(".ground", part));
  const { site, scene } = map.frame.dataset;
  const buttons = [...part.querySelectorAll("#cars button")];
  let cars = new Map();
  await map.ready;
  document.dispatchEvent(new CustomEvent("railwatch:ground", { detail: map }));

  const choose = (id, focus) => {
    const car = cars.get(id);
    for (const button of buttons) {
      const here = button.dataset.car === id;
      if (here) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
      if (here) button.scrollIntoView({ block: "nearest" });
      if (here && focus) button.focus({ preventScroll: true });
    }
    map.choose(car ? id : null, car && [car.lon, car.lat]);
    said.textContent = car ? told(car, buttons.findIndex((button) => button.dataset.car === id), buttons.length) : "";
    document.dispatchEvent(new CustomEvent("railwatch:car", { detail: car ?? null }));
  };
  const step = (by, focus) => {
    if (!buttons.length) return;
    const now = buttons.findIndex((button) => button.dataset.car === map.chosen);
    const next = now < 0 ? (by > 0 ? 0 : buttons.length - 1) : (now + by + buttons.length) % buttons.length;
    choose(buttons[next].dataset.car, focus);
  };
  const boxes = Object.fromEntries([...part.querySelectorAll(".tools input")].map((box) => [box.name, box]));
  const divider = $(".divider", part);
  const keys = {
    n: () => step(1),
    p: () => step(-1),
    w: () => map.whole(),
    c: () => boxes.cars.click(),
    t: () => boxes.tracks.click(),
    b: () => boxes.baseline?.click(),
  };

  for (const button of buttons) button.addEventListener("click", () => choose(button.dataset.car));
  map.onCar((id) => choose(id, true));
  for (const name of ["cars", "tracks"]) boxes[name].addEventListener("change", () => map.toggle(name, boxes[name].checked));
  $("#next", part).addEventListener("click", keys.n);
  $("#previous", part).addEventListener("click", keys.p);
  $("#whole", part).addEventListener("click", keys.w);
  if (divider) divide(map.frame, $("input", divider));
  boxes.baseline?.addEventListener("change", async () => {
    const shown = boxes.baseline.checked;
    divider.hidden = !shown;
    map.divided(shown);
    if (shown) await map.show("before", scene, "baseline").catch(tell);
  });
  $("#cars", part).addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    step(by, true);
  });
  document.addEventListener("keydown", (event) => {
    const writing = event.target.closest("input:not([type=checkbox], [type=range]), select, textarea");
    const key = keys[event.key.toLowerCase()];
    if (key && !writing && !event.ctrlKey && !event.metaKey && !event.altKey) key();
  });

  const shown = map.show("after", scene, "look").catch(tell);
  const found = await (await fetch(`/v1/sites/${site}/looks/${scene}/cars.geojson`)).json();
  cars = new Map(found.features.map(({ properties }) => [properties.id, properties]));
  map.setCars(found);
  await shown;
  document.documentElement.dataset.ready = "yes";
  const wanted = decodeURIComponent(location.hash.slice(1));
  if (cars.has(wanted)) choose(wanted);
}

function told(car, place, all) {
  const share = (value) => `${Math.round(100 * value)} %`;
  const kind = car.kind ? `, ${car.kind} (${share(car.kind_probability)})` : "";
  return `Car ${place + 1} of ${all}: track ${car.track}, number ${car.number}${inTiles ? ` in tile ${car.tile}` : ""}, ${car.length_m.toFixed(1)} m, ${share(car.probability)} sure${kind}`;
}

function tell(error) {
  said.textContent = error.message;
}

if (part) begin();
