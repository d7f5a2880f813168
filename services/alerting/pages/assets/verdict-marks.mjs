// The marks of people on the map of a look.

import { collection } from "./ground-map.mjs";
import { $ } from "./elements.mjs";

const COLOURS = ["match", ["get", "kind"], "not-a-car", "#ff5470", "missed-car", "#ffd23f", "#b39dff"];
const LETTERS = { "not-a-car": "x", "missed-car": "+", "two-cars": "2", "one-car": "1" };

export class Marks {
  constructor(ground) {
    this.map = ground.after;
    this.frame = ground.frame;
    this.aiming = false;
    this.map.addSource("marks", { type: "geojson", data: collection() });
    const ring = { "circle-radius": 11, "circle-color": "rgba(0, 0, 0, 0.35)", "circle-stroke-width": 3, "circle-stroke-color": COLOURS };
    this.map.addLayer({ id: "marks", type: "circle", source: "marks", paint: ring });
  }

  draw(verdicts) {
    const marked = verdicts.filter(({ stands, kind }) => stands && kind in LETTERS);
    const features = marked.flatMap(({ kind, places }) =>
      places.map(({ lon, lat }) => ({ type: "Feature", properties: { kind }, geometry: { type: "Point", coordinates: [lon, lat] } })),
    );
    this.map.getSource("marks").setData(collection(features));
  }

  // Show the cross in the middle of the map, or hide it.
  aim(aiming) {
    this.aiming = aiming;
    this.frame.classList.toggle("aiming", aiming);
    if (aiming) $("canvas", this.frame).focus({ preventScroll: true });
  }

  middle() {
    const { lng, lat } = this.map.getCenter();
    return { lon: Number(lng.toFixed(7)), lat: Number(lat.toFixed(7)), tile: null, track: null };
  }
}
