// What is drawn: tracks and the area, what of it is chosen, and the way back. It knows nothing of the map or the page.

const MOST_STEPS_BACK = 200;

export class Editing {
  // `changed` is called after every change.
  constructor(changed) {
    this.changed = changed;
    this.load([], null);
  }

  // Other tracks and another area, without a way back. The area is a closed ring, or null.
  load(tracks, area) {
    this.tracks = tracks;
    this.area = area ? area.slice(0, -1) : null;
    this.past = [];
    this.unsaved = false;
    this.choose(null);
  }

  // Chosen is the number of a track, "area", or null.
  choose(chosen, vertex = null) {
    this.chosen = chosen;
    this.vertex = vertex;
    this.drawing = false;
    this.changed();
  }

  get line() {
    if (this.chosen === null) return null;
    return this.chosen === "area" ? this.area : this.tracks[this.chosen].coordinates;
  }

  get ring() {
    return this.area && this.area.length > 2 ? [...this.area, this.area[0]] : null;
  }

  // Change something, so that it can be taken back.
  change(work) {
    this.past.push(structuredClone([this.tracks, this.area]));
    if (this.past.length > MOST_STEPS_BACK) this.past.shift();
    this.unsaved = true;
    work();
    this.changed();
  }

  undo() {
    if (!this.past.length) return;
    [this.tracks, this.area] = this.past.pop();
    const there = this.chosen === "area" ? this.area : this.chosen === null || this.tracks[this.chosen];
    if (!there) this.chosen = null;
    const line = this.line;
    this.vertex = line && line.length ? Math.min(this.vertex ?? 0, line.length - 1) : null;
    this.drawing = this.drawing && this.chosen !== null;
    this.changed();
  }

  freeName(base) {
    const names = new Set(this.tracks.map((track) => track.name));
    let number = 1;
    while (names.has(`${base}-${number}`)) number += 1;
    return `${base}-${number}`;
  }

  newTrack() {
    this.finish();
    this.change(() => {
      this.tracks.push({ name: this.freeName("track"), coordinates: [], main: false, proposed: false });
      this.chosen = this.tracks.length - 1;
      this.vertex = null;
      this.drawing = true;
    });
  }

  newArea() {
    this.finish();
    this.change(() => {
      this.area = [];
      this.chosen = "area";
      this.vertex = null;
      this.drawing = true;
    });
  }

  removeArea() {
    this.change(() => {
      this.area = null;
      if (this.chosen === "area") this.chosen = this.vertex = null;
    });
  }

  removeTrack(number) {
    this.change(() => {
      this.tracks.splice(number, 1);
      this.chosen = this.vertex = null;
      this.drawing = false;
    });
  }

  // A point after the chosen one.
  add(place) {
    if (!this.line) return;
    this.insert(this.vertex === null ? this.line.length : this.vertex + 1, place);
  }

  insert(at, place) {
    this.change(() => {
      this.line.splice(at, 0, place);
      this.vertex = at;
    });
  }

  move(place) {
    if (this.vertex !== null) this.change(() => (this.line[this.vertex] = place));
  }

  // The chosen point, without a step back: for a drag, which is one step.
  drag(place) {
    this.line[this.vertex] = place;
    this.changed();
  }

  step(by) {
    if (!this.line?.length) return;
    this.vertex = ((this.vertex ?? -1) + by + this.line.length) % this.line.length;
    this.changed();
  }

  remove() {
    if (this.vertex === null) return;
    const least = this.chosen === "area" ? 3 : 2;
    if (!this.drawing && this.line.length <= least) return;
    this.change(() => {
      this.line.splice(this.vertex, 1);
      this.vertex = this.line.length ? Math.max(0, this.vertex - 1) : null;
    });
  }

  // The end of drawing. What is too short to be a track or an area is left out.
  finish() {
    if (this.area && this.area.length < 3) this.area = null;
    this.tracks = this.tracks.filter((track) => track.coordinates.length > 1);
    this.choose(null);
  }
}
