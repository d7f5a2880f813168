// The sites on the map: near ones together, in the colour of the worst of them.

import { $, date, el } from "./elements.mjs";
import { FONT, WorldMap, bubble, collection, feature, scheme } from "./world.mjs";

const COLOURS = {
  light: { alert: "#b3261e", calm: "#2b6b3f", other: "#5c6470", many: "#33506e", ring: "#ffffff", text: "#ffffff" },
  dark: { alert: "#ff8a80", calm: "#7fcf98", other: "#a3abb6", many: "#a9c3de", ring: "#14171b", text: "#14171b" },
};
const CALM = ["normal", "measured"];
const kind = (site) => (site.state === "alert" ? "alert" : CALM.includes(site.state) ? "calm" : "other");

export class SitesMap extends WorldMap {
  // The one of this page, for whoever asks from outside.
  static shown = null;

  constructor(container, sites, moved) {
    super(container);
    SitesMap.shown = this;
    this.sites = sites;
    this.ready = this.ready.then(() => this.#draw(moved));
  }

  #draw(moved) {
    const { map } = this;
    const colour = COLOURS[scheme()];
    const one = ["match", ["get", "kind"], "alert", colour.alert, "calm", colour.calm, colour.other];
    map.addSource("sites", {
      type: "geojson",
      data: collection(),
      cluster: true,
      clusterRadius: 44,
      clusterMaxZoom: 11,
      clusterProperties: { alerts: ["+", ["case", ["==", ["get", "kind"], "alert"], 1, 0]] },
    });
    map.addSource("pointed", { type: "geojson", data: collection() });
    map.addLayer({
      id: "clusters",
      type: "circle",
      source: "sites",
      filter: ["has", "point_count"],
      paint: {
        "circle-color": ["case", [">", ["get", "alerts"], 0], colour.alert, colour.many],
        "circle-radius": [
          "+",
          ["interpolate", ["linear"], ["log10", ["get", "point_count"]], 0.3, 12, 4, 28],
          ["case", [">", ["get", "alerts"], 0], 6, 0],
        ],
        "circle-opacity": 0.9,
        "circle-stroke-color": colour.ring,
        "circle-stroke-width": 1.5,
      },
    });
    map.addLayer({
      id: "how-many",
      type: "symbol",
      source: "sites",
      filter: ["has", "point_count"],
      layout: {
        "text-field": ["case", [">", ["get", "alerts"], 0], ["concat", ["get", "alerts"], " / ", ["get", "point_count_abbreviated"]], ["get", "point_count_abbreviated"]],
        "text-font": FONT,
        "text-size": 12,
        "text-allow-overlap": true,
        "text-ignore-placement": true,
      },
      paint: { "text-color": colour.text },
    });
    map.addLayer({
      id: "single",
      type: "circle",
      source: "sites",
      filter: ["!", ["has", "point_count"]],
      layout: { "circle-sort-key": ["match", ["get", "kind"], "alert", 2, "calm", 1, 0] },
      paint: {
        "circle-color": one,
        "circle-radius": ["match", ["get", "kind"], "alert", 8, 6],
        "circle-stroke-color": colour.ring,
        "circle-stroke-width": 1.5,
      },
    });
    map.addLayer({
      id: "pointed",
      type: "circle",
      source: "pointed",
      paint: { "circle-radius": 13, "circle-opacity": 0, "circle-stroke-color": colour.alert, "circle-stroke-width": 3 },
    });
    map.on("click", "single", ({ features }) => this.#tell(this.sites[features[0].properties.place]));
    map.on("click", "clusters", async ({ features: [found] }) => {
      const zoom = await map.getSource("sites").getClusterExpansionZoom(found.properties.cluster_id);
      map.easeTo({ center: found.geometry.coordinates, zoom, duration: 300 });
    });
    for (const layer of ["single", "clusters"]) {
      map.on("mouseenter", layer, () => (map.getCanvas().style.cursor = "pointer"));
      map.on("mouseleave", layer, () => (map.getCanvas().style.cursor = ""));
    }
    map.on("moveend", moved);
  }

  // Draw these sites, and go to where they are.
  show(sites, go) {
    const source = this.map.getSource("sites");
    if (!source) return;
    source.setData(
      collection(sites.map((site) => feature("Point", [site.lon, site.lat], { place: site.place, kind: kind(site) }))),
    );
    if (go) this.goTo(sites.map((site) => [site.lon, site.lat]));
  }

  // A test whether the map shows a site at the moment.
  inSight() {
    const bounds = this.map.getBounds();
    return (site) => bounds.contains([site.lon, site.lat]);
  }

  // Mark a site, or none.
  point(site) {
    this.map.getSource("pointed")?.setData(collection(site ? [feature("Point", [site.lon, site.lat])] : []));
  }

  #tell(site) {
    this.bubble?.remove();
    const facts = [site.state === "never" ? "never seen" : site.found && `${site.found} railcars`, date(site.judged_at)];
    this.bubble = bubble(
      this.map,
      [site.lon, site.lat],
      el(
        "div",
        { class: "told" },
        el("a", { href: `/sites/${site.id}` }, el("strong", {}, site.name)),
        ...facts.filter(Boolean).map((fact) => el("div", {}, fact)),
        site.alert && el("a", { href: `/alerts/${site.alert}` }, "Its alert"),
      ),
    );
    $("a", this.bubble.getElement()).focus();
  }
}
