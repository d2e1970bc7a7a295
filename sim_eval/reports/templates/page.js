"use strict";
const PLOTS = JSON.parse(document.getElementById("plots").textContent);
const VIDEOS = JSON.parse(document.getElementById("videos").textContent);
const LEGEND_ORDER = ["recorded", "predicted", "hold_still", "repeat_last_action", "last_frame_stays", "autoencoder"];
const DASHES = { autoencoder: "dot" };

function colour(role) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${role}`).trim();
}

function painted(figure) {
  const copy = structuredClone(figure);
  for (const trace of copy.data) {
    const role = trace.meta.role;
    if (role === "band") {
      Object.assign(trace, { fillcolor: colour("band"), line: { width: 0 } });
    } else if (role === "replan") {
      trace.marker = { color: colour("card"), size: 6, line: { color: colour("predicted"), width: 1.5 } };
    } else {
      const width = role === "recorded" ? 2.2 : 1.6;
      trace.legendrank = LEGEND_ORDER.indexOf(role) + 1 || 99;
      trace.line = { color: colour(role), width, dash: DASHES[role] || "solid" };
    }
  }
  const layout = copy.layout;
  for (const shape of layout.shapes || []) shape.line = { color: colour("grid"), width: 1 };
  for (const note of layout.annotations || []) note.font = { size: 12.5, color: colour("soft") };
  for (const key of Object.keys(layout).filter((name) => /^[xy]axis/.test(name))) {
    const axis = layout[key];
    axis.title = { ...(axis.title || {}), font: { size: 11.5, color: colour("soft") }, standoff: 6 };
    Object.assign(axis, {
      gridcolor: colour("grid"), linecolor: colour("line"), zerolinecolor: colour("line"),
      tickfont: { size: 11, color: colour("soft") }, automargin: true, nticks: key[0] === "y" ? 5 : 8,
    });
  }
  Object.assign(layout, {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hovermode: "closest",
    font: { family: getComputedStyle(document.body).fontFamily, color: colour("ink") },
    legend: { orientation: "h", x: 0, xanchor: "left", yref: "container", y: 1, yanchor: "top", font: { size: 12 } },
  });
  return copy;
}

function draw(place) {
  const episode = document.getElementById("episode");
  const figure = PLOTS[place.dataset.key] || PLOTS[`${place.dataset.key}/${episode.value}`];
  if (!figure) {
    place.textContent = "Nothing was asked about this episode.";
    return;
  }
  const { data, layout } = painted(figure);
  Plotly.react(place, data, layout, { responsive: true, displayModeBar: false });
}

function drawAll() {
  for (const place of document.querySelectorAll(".plot")) draw(place);
  for (const swatch of document.querySelectorAll(".swatch")) swatch.style.background = colour(swatch.dataset.role);
}

function setUpFilm() {
  const film = document.getElementById("film");
  if (!film) return;
  const windows = document.getElementById("window");
  const speed = document.getElementById("speed");
  VIDEOS.forEach((video, index) => windows.add(new Option(`episode ${video.episode}, from frame ${video.start}`, index)));
  const mean = (values) => (values.reduce((sum, value) => sum + value, 0) / values.length).toFixed(1);
  const show = () => {
    const video = VIDEOS[windows.value];
    film.src = `data:video/mp4;base64,${video.mp4}`;
    film.playbackRate = Number(speed.value);
    document.getElementById("film-psnr").textContent =
      `mean PSNR ${mean(video.psnr)} dB predicted, ${mean(video.stays)} dB if the last frame stays`;
  };
  windows.addEventListener("change", show);
  speed.addEventListener("change", () => { film.playbackRate = Number(speed.value); });
  film.addEventListener("loadeddata", () => { film.playbackRate = Number(speed.value); });
  const count = document.getElementById("film-count");
  if (VIDEOS.length < Number(count.dataset.all)) {
    count.textContent = `${VIDEOS.length} of ${count.dataset.all} windows are in this page, spread evenly; all are in the folder videos beside it.`;
  }
  show();
}

drawAll();
setUpFilm();
document.getElementById("episode")?.addEventListener("change", drawAll);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
