// The page of a site: any two looks before and after on one map, and time-lapses.

import { $, el } from "./elements.mjs";
import { GroundMap, collection, divide } from "./ground-map.mjs";

const part = $("#before-after");

async function compare() {
  const map = new GroundMap($(".ground", part));
  const said = $("#said", part);
  const [before, after] = ["before", "after"].map((name) => $(`select[name=${name}]`, part));
  const boxes = ["cars", "tracks"].map((name) => $(`input[name=${name}]`, part));
  const words = (select) => select.selectedOptions[0].textContent.split(":")[0];
  divide(map.frame, $(".divider input", part));
  map.divided(true);
  await map.ready;

  const cars = async () => {
    if (!boxes[0].checked) return map.setCars(collection());
    const answer = await fetch(`/v1/sites/${map.site}/looks/${after.value}/cars.geojson`);
    map.setCars(answer.ok ? await answer.json() : collection());
  };
  const show = async () => {
    said.textContent = "";
    $(".earlier", part).textContent = words(before);
    $(".later", part).textContent = words(after);
    const shown = [map.show("before", before.value, "aligned"), map.show("after", after.value, "aligned"), cars()];
    for (const one of await Promise.allSettled(shown)) if (one.reason) said.textContent = one.reason.message;
  };
  for (const select of [before, after]) select.addEventListener("change", show);
  boxes[0].addEventListener("change", cars);
  boxes[1].addEventListener("change", () => map.toggle("tracks", boxes[1].checked));
  await show();
  document.documentElement.dataset.ready = "yes";
}

function lapse() {
  const form = $("#lapse");
  const said = $("output", form);
  const figure = $("#lapse-picture");
  $("#show-lapse").addEventListener("click", async () => {
    said.textContent = "It is being made...";
    const asked = new URLSearchParams({ from: form.elements.from.value });
    const answer = await fetch(`${form.getAttribute("action")}?${asked}`);
    if (!answer.ok) {
      said.textContent = (await answer.json()).detail;
      return;
    }
    $("img", figure).src = URL.createObjectURL(await answer.blob());
    figure.hidden = false;
    said.textContent = "";
  });
}

// A picture that is not kept any more leaves its frame.
for (const image of document.querySelectorAll(".strip img")) {
  const gone = () => image.replaceWith(el("span", { class: "gone" }, "no picture kept"));
  if (image.complete && !image.naturalWidth) gone();
  else image.addEventListener("error", gone);
}

if ($("#lapse")) lapse();
if (part) compare();
else document.documentElement.dataset.ready = "yes";
