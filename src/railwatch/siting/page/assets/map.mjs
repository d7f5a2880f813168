// The map: pictures, tracks, area, cars, and the points of what is chosen. It tells an `Editing` what the pointer does.

import * as maplibregl from "./maplibre-gl/maplibre-gl.mjs";

const DARK = matchMedia("(prefers-color-scheme: dark)");
const COLOURS = { track: "#ffb000", main: "#5aa9ff", proposed: "#ff5fd2", area: "#ffffff", chosen: "#00e5a8" };
// Pixels around the pointer in which a point or a line is hit: a thumb is wide.
const REACH_PX = 9;
// With more tracks, their names would hide them.
const MOST_NAMES = 60;

const collection = (features = []) => ({ type: "FeatureCollection", features });
const feature = (type, coordinates, properties = {}) => ({
  type: "Feature",
  properties,
  geometry: { type, coordinates },
});
const ground = () => (DARK.matches ? "#262b31" : "#dfe3e1");

export class SiteMap {
  constructor(container, editing, settings) {
    this.editing = editing;
    this.pictures = 0;
    this.names = [];
    this.map = new maplibregl.Map({
      container,
      style: { version: 8, sources: {}, layers: [{ id: "ground", type: "background", paint: { "background-color": ground() } }] },
      center: [10, 48],
      zoom: 3,
      maxZoom: 22,
      attributionControl: { compact: true },
      dragRotate: false,
      pitchWithRotate: false,
    });
    this.map.touchZoomRotate.disableRotation();
    this.map.addControl(new maplibregl.NavigationControl({ showCompass: false }), "top-right");
    this.map.addControl(new maplibregl.ScaleControl(), "top-left");
    this.ready = new Promise((done) => this.map.once("load", done)).then(() => this.#begin(settings));
    DARK.addEventListener("change", () => this.map.setPaintProperty("ground", "background-color", ground()));
  }

  get middle() {
    const { lng, lat } = this.map.getCenter();
    return [lng, lat];
  }

  #begin(settings) {
    const map = this.map;
    if (settings.base_map) {
      map.addSource("base", { type: "raster", tiles: [settings.base_map], tileSize: 256, attribution: settings.credit ?? "" });
      map.addLayer({ id: "base", type: "raster", source: "base" });
    }
    for (const name of ["area", "tracks", "cars", "points"]) map.addSource(name, { type: "geojson", data: collection() });
    const colour = ["case", ["get", "chosen"], COLOURS.chosen, ["get", "proposed"], COLOURS.proposed, ["get", "main"], COLOURS.main, COLOURS.track];
    const width = ["interpolate", ["linear"], ["zoom"], 14, 1.5, 19, 3];
    map.addLayer({ id: "area", type: "line", source: "area", paint: { "line-color": ["case", ["get", "chosen"], COLOURS.chosen, COLOURS.area], "line-width": 2 } });
    map.addLayer({ id: "track-edges", type: "line", source: "tracks", paint: { "line-color": "#000", "line-opacity": 0.6, "line-width": ["interpolate", ["linear"], ["zoom"], 14, 3, 19, 5] } });
    map.addLayer({ id: "tracks", type: "line", source: "tracks", filter: ["!", ["get", "proposed"]], paint: { "line-color": colour, "line-width": width } });
    map.addLayer({ id: "proposed", type: "line", source: "tracks", filter: ["get", "proposed"], paint: { "line-color": colour, "line-width": width, "line-dasharray": [3, 2] } });
    map.addLayer({ id: "cars", type: "circle", source: "cars", paint: { "circle-radius": 4, "circle-color": "#ff3b30", "circle-stroke-color": "#fff", "circle-stroke-width": 1.5 } });
    map.addLayer({ id: "points", type: "circle", source: "points", paint: {
      "circle-radius": ["case", ["get", "between"], 4, ["get", "chosen"], 8, 6],
      "circle-color": ["case", ["get", "chosen"], COLOURS.chosen, "#fff"],
      "circle-opacity": ["case", ["get", "between"], 0.6, 1],
      "circle-stroke-color": "#111",
      "circle-stroke-width": 1.5,
    } });
    map.on("click", (event) => this.#clicked(event));
    map.on("dblclick", (event) => {
      if (!this.editing.drawing) return;
      event.preventDefault();
      this.editing.finish();
    });
    for (const kind of ["mousedown", "touchstart"]) map.on(kind, (event) => this.#pressed(event, kind === "touchstart"));
    this.draw();
  }

  #hit(point, layers) {
    const around = [
      [point.x - REACH_PX, point.y - REACH_PX],
      [point.x + REACH_PX, point.y + REACH_PX],
    ];
    return this.map.queryRenderedFeatures(around, { layers })[0]?.properties;
  }

  #clicked(event) {
    const editing = this.editing;
    const place = event.lngLat.toArray();
    if (editing.drawing) return editing.add(place);
    const point = this.#hit(event.point, ["points"]);
    if (point) return point.between ? editing.insert(point.index, place) : editing.choose(editing.chosen, point.index);
    const line = this.#hit(event.point, ["tracks", "proposed"]);
    if (line) return editing.choose(line.index);
    if (this.#hit(event.point, ["area"])) editing.choose("area");
  }

  #pressed(event, touch) {
    const editing = this.editing;
    if (editing.drawing || (touch && event.points.length > 1)) return;
    const point = this.#hit(event.point, ["points"]);
    if (!point || point.between) return;
    event.preventDefault();
    const [moving, ending] = touch ? ["touchmove", "touchend"] : ["mousemove", "mouseup"];
    let begun = false;
    const follow = (moved) => {
      if (!begun) {
        begun = true;
        editing.vertex = point.index;
        editing.change(() => {});
      }
      editing.drag(moved.lngLat.toArray());
    };
    this.map.on(moving, follow);
    this.map.once(ending, () => this.map.off(moving, follow));
  }

  // Draw what the editing holds.
  draw() {
    const { map, editing } = this;
    if (!map.getSource("points")) return;
    const lines = editing.tracks.flatMap(({ name, coordinates, main, proposed }, index) =>
      coordinates.length > 1
        ? [feature("LineString", coordinates, { name, index, main, proposed, chosen: index === editing.chosen })]
        : [],
    );
    map.getSource("tracks").setData(collection(lines));
    const area = editing.ring ?? (editing.area?.length > 1 ? editing.area : null);
    map.getSource("area").setData(collection(area ? [feature("LineString", area, { chosen: editing.chosen === "area" })] : []));
    map.getSource("points").setData(collection(this.#points()));
    map.doubleClickZoom[editing.drawing ? "disable" : "enable"]();
    map.getCanvas().style.cursor = editing.drawing ? "crosshair" : "";
    this.#label(lines);
  }

  #points() {
    const { line, chosen, vertex, drawing } = this.editing;
    if (!line) return [];
    const points = line.map((place, index) => feature("Point", place, { index, between: false, chosen: index === vertex }));
    if (drawing) return points;
    const ends = chosen === "area" ? [...line, line[0]] : line;
    const between = ends.slice(1).map((place, index) => {
      const middle = [(place[0] + ends[index][0]) / 2, (place[1] + ends[index][1]) / 2];
      return feature("Point", middle, { index: index + 1, between: true, chosen: false });
    });
    return [...between, ...points];
  }

  #label(lines) {
    for (const marker of this.names) marker.remove();
    this.names = (lines.length > MOST_NAMES ? [] : lines).map(({ properties, geometry }) => {
      const element = document.createElement("span");
      element.className = "name";
      element.textContent = properties.proposed ? `${properties.name}?` : properties.name;
      const at = geometry.coordinates[Math.floor((geometry.coordinates.length - 1) / 2)];
      return new maplibregl.Marker({ element }).setLngLat(at).addTo(this.map);
    });
  }

  showCars(places) {
    this.map.getSource("cars").setData(collection(places.map((place) => feature("Point", place))));
  }

  clearPictures() {
    for (let number = 0; number < this.pictures; number += 1) {
      this.map.removeLayer(`picture-${number}`);
      this.map.removeSource(`picture-${number}`);
    }
    this.pictures = 0;
  }

  addPicture(url, corners) {
    const id = `picture-${this.pictures}`;
    this.pictures += 1;
    this.map.addSource(id, { type: "image", url, coordinates: corners });
    this.map.addLayer({ id, type: "raster", source: id, paint: { "raster-fade-duration": 0 } }, "area");
  }

  goTo(places) {
    if (!places.length) return;
    const bounds = new maplibregl.LngLatBounds(places[0], places[0]);
    for (const place of places) bounds.extend(place);
    this.map.fitBounds(bounds, { padding: 40, maxZoom: 19, duration: 0 });
  }

  pan(place) {
    this.map.jumpTo({ center: place });
  }
}
