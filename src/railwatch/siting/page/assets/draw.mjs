// The page: token, sites, pictures, lines, the first count, and saving.

import { api, said, withTitle } from "./api.mjs";
import { Editing } from "./editing.mjs";
import { listTracks } from "./list.mjs";
import { SiteMap } from "./map.mjs";
import { equip, showTools } from "./tools.mjs";

const $ = (id) => document.getElementById(id);
let map = null;
const editing = new Editing(() => changed());
map = new SiteMap("map", editing, await (await fetch("/draw/map.json")).json());
await map.ready;

let version = null; // of the site's files; null for a new site
let site = null;
let credit = null;
let file = null; // the picture from a file, if that is what is shown
let looks = [];

function changed() {
  if (!map) return;
  map.draw();
  listTracks($("list"), editing);
  showTools(editing);
  $("no-area").disabled = !editing.area;
}

equip(editing, map);

// --- the token, and the list of sites

$("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  api.token = new FormData(event.target).get("token");
  await enter();
});

function enter() {
  return withTitle("Opening", async () => {
    await listSites(new URLSearchParams(location.search).get("site"));
    $("sign-in").hidden = true;
    $("work").hidden = false;
  });
}

async function listSites(wanted) {
  const { items, read_only: why } = await (await api.get("/v1/drawing/sites")).json();
  $("read-only").hidden = !why;
  $("read-only").textContent = why ?? "";
  $("save").disabled = Boolean(why);
  $("site").replaceChildren(...items.map(({ id, name }) => new Option(name, id)), new Option("A new site ...", ""));
  $("site").value = items.some(({ id }) => id === wanted) ? wanted : (items[0]?.id ?? "");
  await open($("site").value);
}

$("site").addEventListener("change", () => {
  if (editing.unsaved && !confirm("What was drawn is not saved. Leave it?")) {
    $("site").value = site ?? "";
    return;
  }
  withTitle("Opening", () => open($("site").value));
});

addEventListener("beforeunload", (event) => editing.unsaved && event.preventDefault());

async function open(id) {
  site = id || null;
  $("new-id").hidden = Boolean(site);
  looks = [];
  version = null;
  let draft = { name: "", tracks: [], area: null, count_main: true, credit: null };
  if (site) {
    const answer = await api.get(`/v1/drawing/sites/${site}`);
    version = answer.headers.get("ETag");
    draft = await answer.json();
    looks = (await (await api.get(`/v1/drawing/sites/${site}/pictures`)).json()).items;
  }
  $("name").value = draft.name;
  $("count-main").checked = draft.count_main;
  credit = draft.credit;
  editing.load(draft.tracks, draft.area);
  $("look").replaceChildren(
    new Option("none", ""),
    ...looks.map(({ observed_at: at }, number) => new Option(`${at.slice(0, 16).replace("T", " ")} UTC`, number)),
  );
  $("look").value = looks.length ? "0" : "";
  map.goTo([...(draft.area ?? []), ...draft.tracks.flatMap((track) => track.coordinates)]);
  map.showCars([]);
  await showLook();
}

// --- pictures

async function showLook() {
  file = null;
  $("picture").value = "";
  map.clearPictures();
  const look = looks[$("look").value];
  for (const sha256 of Object.values(look?.cells ?? {})) {
    await show(await api.get(`/v1/drawing/sites/${site}/pictures/${sha256}`));
  }
}

async function show(answer) {
  const corners = JSON.parse(answer.headers.get("Railwatch-Corners"));
  map.addPicture(URL.createObjectURL(await answer.blob()), corners);
  return corners;
}

$("look").addEventListener("change", () => withTitle("Loading the picture", showLook));

$("picture").addEventListener("change", () =>
  withTitle("Reading the picture", async () => {
    const chosen = $("picture").files[0];
    const answer = await api.send("POST", "/v1/drawing/picture", chosen, { "Content-Type": "image/tiff" });
    map.clearPictures();
    $("look").value = "";
    map.goTo(await show(answer));
    file = chosen;
  }),
);

$("go").addEventListener("submit", (event) => {
  event.preventDefault();
  const [lat, lon] = new FormData(event.target).get("place").split(",").map(Number);
  if (Math.abs(lat) <= 90 && Math.abs(lon) <= 180) map.map.jumpTo({ center: [lon, lat], zoom: 16 });
  else said("A place is latitude and longitude, such as 42.413, 130.61.", "bad");
});

// --- tracks

$("new-track").addEventListener("click", () => editing.newTrack());
$("new-area").addEventListener("click", () => editing.newArea());
$("no-area").addEventListener("click", () => editing.removeArea());
$("count-main").addEventListener("change", () => (editing.unsaved = true));
$("name").addEventListener("input", () => {
  editing.unsaved = true;
  const id = $("name").value.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
  if (!site) document.querySelector("#new-id input").value = id;
});

$("import").addEventListener("change", () =>
  withTitle("Reading the lines", async () => {
    const [chosen] = $("import").files;
    const sees = map.map.getZoom() > 10 && map.map.getBounds().toArray().flat();
    const ground = editing.ring ? bounds(editing.ring) : sees;
    const query = new URLSearchParams({ name: chosen.name, ...(ground ? { bbox: ground.join(",") } : {}) });
    const answer = await api.send("POST", `/v1/drawing/lines?${query}`, chosen, { "Content-Type": "application/octet-stream" });
    const lines = await answer.json();
    $("import").value = "";
    editing.finish();
    editing.change(() => {
      for (const track of lines.tracks) {
        const taken = editing.tracks.some(({ name }) => name === track.name);
        editing.tracks.push(taken ? { ...track, name: editing.freeName(track.name) } : track);
      }
    });
    credit = lines.credit ?? credit;
    map.goTo(lines.tracks.flatMap((track) => track.coordinates));
    return [`${lines.tracks.length} tracks came in.`, ...lines.remarks].join(" ");
  }),
);

function bounds(ring) {
  const [lons, lats] = [0, 1].map((axis) => ring.map((place) => place[axis]));
  return [Math.min(...lons), Math.min(...lats), Math.max(...lons), Math.max(...lats)];
}

// --- the first count, and saving

function draft() {
  editing.finish();
  if (!editing.tracks.length) throw new Error("There is no track yet.");
  return {
    name: $("name").value.trim() || site || "new site",
    tracks: editing.tracks,
    area: editing.ring,
    count_main: $("count-main").checked,
    credit,
  };
}

$("count").addEventListener("click", () =>
  withTitle("Counting", async () => {
    const json = JSON.stringify(draft());
    const look = looks[$("look").value];
    if (!file && !look) throw new Error("Choose a picture first.");
    const path = `/v1/drawing/sites/${site ?? "new-site"}/first-count`;
    let answer;
    if (file) {
      const form = new FormData();
      form.append("metadata", json);
      form.append("file", file);
      answer = await api.send("POST", path, form);
    } else {
      const at = encodeURIComponent(look.observed_at);
      answer = await api.send("POST", `${path}?at=${at}`, json, { "Content-Type": "application/json" });
    }
    const found = await answer.json();
    map.showCars(found.cars);
    const number = (value) => Math.round(value);
    const reasons = found.reasons.length ? ` (${found.reasons.join(", ")})` : "";
    $("counted").textContent =
      found.count === null
        ? `It cannot be counted${reasons}.`
        : `${number(found.count)} cars (${Math.floor(found.low)} to ${Math.ceil(found.high)})${reasons}`;
    return "Counted.";
  }),
);

$("save").addEventListener("click", () =>
  withTitle("Saving", async () => {
    const id = site ?? document.querySelector("#new-id input").value;
    if (!id) throw new Error("Give the site a name.");
    const condition = version ? { "If-Match": version } : { "If-None-Match": "*" };
    const headers = { ...condition, "Content-Type": "application/json" };
    const answer = await api.send("PUT", `/v1/drawing/sites/${id}`, JSON.stringify(draft()), headers);
    version = answer.headers.get("ETag");
    editing.unsaved = false;
    if (!site) await listSites(id);
    return `${id} is saved.`;
  }),
);

$("download").addEventListener("click", () => {
  editing.finish();
  const features = editing.tracks.map(({ name, main, proposed, properties, coordinates }) => ({
    type: "Feature",
    properties: { ...properties, track: name, ...(main && { main }), ...(proposed && { proposed }) },
    geometry: { type: "LineString", coordinates },
  }));
  const text = JSON.stringify({ type: "FeatureCollection", ...(credit && { attribution: credit }), features }, null, 1);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/geo+json" }));
  link.download = `${site ?? "site"}-tracks.geojson`;
  link.click();
});

changed();
// Whom a proxy has signed in needs no token.
const me = await (await fetch("/v1/me")).json();
if (me.scopes.includes("draw")) await enter();
document.documentElement.dataset.ready = "yes";
