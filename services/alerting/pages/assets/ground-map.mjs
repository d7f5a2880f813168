// The ground of a site on a map, at full size: a look, with its tracks and cars, and another picture beside it.

import * as maplibregl from "./maplibre-gl/maplibre-gl.mjs";
import { $ } from "./elements.mjs";

export const collection = (features = []) => ({ type: "FeatureCollection", features });
const COLOURS = { track: "#ffb000", main: "#5aa9ff", car: "#00e5a8", unsure: "#ff5fd2", chosen: "#ffffff" };
// Zooms beyond the last one of the pictures.
const BEYOND = 3;
const DEEPEST = 24;
// A width for a whole yard, and one for a car at full size.
const byZoom = (far, near) => ["interpolate", ["linear"], ["zoom"], 15, far, 18, near];

// Whoever adds to a page finds the map as `ground` of its frame.
export class GroundMap {
  constructor(frame) {
    this.frame = frame;
    frame.ground = this;
    this.site = frame.dataset.site;
    this.bounds = JSON.parse(frame.dataset.bounds);
    this.tracks = JSON.parse(frame.dataset.tracks);
    this.shown = {};
    this.after = this.#map($(".map.after", frame), true);
    this.ready = this.after.begun.then(() => this.#draw());
  }

  #map(container, controls) {
    const map = new maplibregl.Map({
      container,
      style: { version: 8, sources: {}, layers: [{ id: "ground", type: "background", paint: { "background-color": "#2a2f35" } }] },
      maxZoom: DEEPEST,
      minZoom: 8,
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      fadeDuration: 0,
    });
    map.touchZoomRotate.disableRotation();
    map.keyboard.disableRotation();
    if (controls) {
      map.addControl(new maplibregl.NavigationControl({ showCompass: false }), "top-right");
      map.addControl(new maplibregl.ScaleControl(), "bottom-left");
    }
    map.begun = new Promise((done) => map.once("load", done));
    map.getCanvas().setAttribute("aria-label", this.frame.getAttribute("aria-label"));
    return map;
  }

  #draw() {
    const { after: map } = this;
    map.addSource("tracks", { type: "geojson", data: this.tracks });
    map.addSource("cars", { type: "geojson", data: collection(), promoteId: "id" });
    const width = ["interpolate", ["linear"], ["zoom"], 15, 1, 19, 2];
    const track = ["case", ["get", "main"], COLOURS.main, COLOURS.track];
    map.addLayer({ id: "tracks", type: "line", source: "tracks", paint: { "line-color": track, "line-width": width, "line-opacity": 0.75 } });
    const chosen = ["boolean", ["feature-state", "chosen"], false];
    const car = ["case", chosen, COLOURS.chosen, ["<", ["get", "probability"], 0.5], COLOURS.unsure, COLOURS.car];
    map.addLayer({ id: "car-faces", type: "fill", source: "cars", paint: { "fill-color": car, "fill-opacity": ["case", chosen, 0.2, 0.08] } });
    map.addLayer({ id: "car-edges", type: "line", source: "cars", paint: { "line-color": "#000", "line-width": byZoom(["case", chosen, 5, 2], ["case", chosen, 6, 4]), "line-opacity": 0.6 } });
    map.addLayer({ id: "cars", type: "line", source: "cars", paint: { "line-color": car, "line-width": byZoom(["case", chosen, 3, 0.8], ["case", chosen, 3, 1.8]) } });
    this.whole();
  }

  whole() {
    const [west, south, east, north] = this.bounds;
    this.after.fitBounds([[west, south], [east, north]], { padding: 24, duration: 0 });
  }

  // Show a look in one of the two pictures; an error says why it cannot be shown.
  async show(which, scene, layer) {
    const map = which === "before" ? this.#second() : this.after;
    const key = `${scene} ${layer}`;
    if (this.shown[which] === key) return;
    this.shown[which] = key;
    const address = `/v1/sites/${this.site}/looks/${scene}/ground.json?layer=${layer}`;
    const answer = await fetch(address);
    const said = await answer.json();
    if (this.shown[which] !== key) return; // another one was asked for meanwhile
    if (map.getLayer("look")) map.removeLayer("look");
    if (map.getSource("look")) map.removeSource("look");
    if (!answer.ok) {
      this.shown[which] = null;
      throw new Error(said.detail);
    }
    await map.begun;
    const tiles = said.tiles.map((tile) => location.origin + tile);
    map.addSource("look", { type: "raster", tiles, tileSize: 256, maxzoom: said.maxzoom, bounds: said.bounds.map((side, n) => side + (n < 2 ? -0.003 : 0.003)) });
    map.addLayer({ id: "look", type: "raster", source: "look", paint: { "raster-fade-duration": 0 } }, map.getLayer("tracks") ? "tracks" : undefined);
    map.setMaxZoom(Math.min(said.maxzoom + BEYOND, DEEPEST));
  }

  #second() {
    if (this.before) return this.before;
    const container = $(".map.before", this.frame);
    container.hidden = false;
    this.before = this.#map(container, false);
    this.before.jumpTo({ center: this.after.getCenter(), zoom: this.after.getZoom() });
    // The second map lies below the pointer: it follows the first.
    this.before.getCanvas().tabIndex = -1;
    this.after.on("move", () => this.before.jumpTo({ center: this.after.getCenter(), zoom: this.after.getZoom() }));
    return this.before;
  }

  // Whether the second picture can be seen.
  divided(shown) {
    for (const part of [".map.before", ".divide"]) $(part, this.frame).hidden = !shown;
    this.before?.resize();
  }

  toggle(name, shown) {
    const layers = name === "cars" ? ["car-faces", "car-edges", "cars"] : [name];
    for (const layer of layers) this.after.setLayoutProperty(layer, "visibility", shown ? "visible" : "none");
  }

  setCars(cars) {
    this.cars = cars;
    this.after.getSource("cars").setData(cars);
  }

  choose(id, place) {
    if (this.chosen) this.after.setFeatureState({ source: "cars", id: this.chosen }, { chosen: false });
    this.chosen = id;
    if (!id) return;
    this.after.setFeatureState({ source: "cars", id }, { chosen: true });
    const zoom = Math.max(this.after.getZoom(), this.after.getMaxZoom() - BEYOND + 1);
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.after.easeTo({ center: place, zoom, duration: still ? 0 : 250 });
  }

  // Call back with the id of a car that is clicked.
  onCar(call) {
    this.after.on("click", "car-faces", ({ features }) => call(features[0].properties.id));
    this.after.on("mouseenter", "car-faces", () => (this.after.getCanvas().style.cursor = "pointer"));
    this.after.on("mouseleave", "car-faces", () => (this.after.getCanvas().style.cursor = ""));
  }
}

// The range input and the bar on the map say together how much of the earlier picture is shown.
export function divide(frame, range) {
  const bar = $(".divide", frame);
  const follow = () => frame.style.setProperty("--shown", `${range.value}%`);
  range.addEventListener("input", follow);
  bar.addEventListener("pointerdown", (pressed) => {
    bar.setPointerCapture(pressed.pointerId);
    const move = ({ clientX }) => {
      const { left, width } = frame.getBoundingClientRect();
      range.value = Math.round((100 * (clientX - left)) / width);
      follow();
    };
    bar.addEventListener("pointermove", move);
    bar.addEventListener("pointerup", () => bar.removeEventListener("pointermove", move), { once: true });
  });
  follow();
}
