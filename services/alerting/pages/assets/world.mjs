// The map below everything: bundled coasts and borders, and the tiles of a base map if the operator has named one.

import * as maplibregl from "./maplibre-gl/maplibre-gl.mjs";

const DARK = matchMedia("(prefers-color-scheme: dark)");
const COLOURS = {
  light: { water: "#dce6ec", land: "#f6f4ef", border: "#b9b4aa" },
  dark: { water: "#10161c", land: "#232a31", border: "#4a545f" },
};
const LAYERS = { water: "background-color", land: "fill-color", border: "line-color" };
export const FONT = ["system-ui, sans-serif"];

export const scheme = () => (DARK.matches ? "dark" : "light");
export const collection = (features = []) => ({ type: "FeatureCollection", features });
export const feature = (type, coordinates, properties = {}, id = undefined) => ({
  type: "Feature",
  id,
  properties,
  geometry: { type, coordinates },
});

// The arcs of a TopoJSON file as lines in degrees: each holds steps in whole numbers.
function linesOf({ arcs, transform }) {
  const [[kx, ky], [x0, y0]] = [transform.scale, transform.translate];
  return arcs.map((arc) => {
    let [x, y] = [0, 0];
    return arc.map(([dx, dy]) => [(x += dx) * kx + x0, (y += dy) * ky + y0]);
  });
}

// A ring that crosses the date line goes on beyond 180 degrees, unless it goes around a pole.
function unwrapped(ring) {
  let turn = 0;
  const found = ring.map(([x, y], n) => {
    const step = n ? x - ring[n - 1][0] : 0;
    if (Math.abs(step) > 180) turn -= Math.sign(step) * 360;
    return [x + turn, y];
  });
  return turn ? ring : found;
}

// Land as polygons, and the borders between countries: the arcs that two of them have in common.
function landAndBorders(topology) {
  const lines = linesOf(topology);
  const line = (arc) => (arc < 0 ? [...lines[~arc]].reverse() : lines[arc]);
  const ring = (arcs) => unwrapped(arcs.flatMap((arc, n) => (n ? line(arc).slice(1) : line(arc))));
  const polygons = (found) => (found.type === "Polygon" ? [found.arcs] : found.arcs ?? []);
  const uses = new Map();
  for (const country of topology.objects.countries.geometries) {
    const own = new Set(polygons(country).flat(2).map((arc) => (arc < 0 ? ~arc : arc)));
    for (const arc of own) uses.set(arc, (uses.get(arc) ?? 0) + 1);
  }
  const land = topology.objects.land.geometries.flatMap(polygons).map((rings) => rings.map(ring));
  const borders = [...uses].filter(([, times]) => times > 1).map(([arc]) => lines[arc]);
  return { land: feature("MultiPolygon", land), border: feature("MultiLineString", borders) };
}

// A map in an element. It is ready when `ready` is kept; `options` are MapLibre's.
export class WorldMap {
  constructor(container, options = {}) {
    const colours = COLOURS[scheme()];
    this.map = new maplibregl.Map({
      container,
      style: { version: 8, sources: {}, layers: [{ id: "water", type: "background", paint: { "background-color": colours.water } }] },
      center: [20, 30],
      zoom: 0.6,
      attributionControl: { compact: true },
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      fadeDuration: 0,
      ...options,
    });
    this.map.touchZoomRotate.disableRotation();
    this.map.keyboard.disableRotation();
    this.map.addControl(new maplibregl.NavigationControl({ showCompass: false }), "top-right");
    this.ready = Promise.all([
      new Promise((done) => this.map.once("load", done)),
      fetch("/map.json").then((answer) => answer.json()),
      fetch("/assets/world/countries-50m.json").then((answer) => answer.json()),
    ]).then(([, settings, topology]) => this.#begin(settings, topology));
  }

  #begin(settings, topology) {
    const { map } = this;
    const colours = COLOURS[scheme()];
    const world = landAndBorders(topology);
    const credit = "Natural Earth";
    map.addSource("land", { type: "geojson", data: world.land, attribution: credit, tolerance: 0.5 });
    map.addSource("border", { type: "geojson", data: world.border });
    map.addLayer({ id: "land", type: "fill", source: "land", paint: { "fill-color": colours.land } });
    map.addLayer({ id: "border", type: "line", source: "border", paint: { "line-color": colours.border, "line-width": 0.8 } });
    if (settings.base_map) {
      map.addSource("base", { type: "raster", tiles: [settings.base_map], tileSize: 256, attribution: settings.credit ?? "" });
      map.addLayer({ id: "base", type: "raster", source: "base" });
    }
    DARK.addEventListener("change", () => {
      for (const [layer, property] of Object.entries(LAYERS)) map.setPaintProperty(layer, property, COLOURS[scheme()][layer]);
    });
  }

  // Show these places; one alone is not looked at too closely.
  goTo(places, maxZoom = 9) {
    if (!places.length) return;
    const bounds = new maplibregl.LngLatBounds(places[0], places[0]);
    for (const place of places) bounds.extend(place);
    this.map.fitBounds(bounds, { padding: 40, maxZoom, duration: 0 });
  }
}

// A bubble at a place, with the content that is given as an element.
export function bubble(map, place, content) {
  return new maplibregl.Popup({ maxWidth: "18rem", focusAfterOpen: false }).setLngLat(place).setDOMContent(content).addTo(map);
}
