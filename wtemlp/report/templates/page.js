"use strict";
(() => {
  const plots = JSON.parse(document.getElementById("plots").textContent);
  const mouse = matchMedia("(hover: hover) and (pointer: fine)").matches;
  const config = {
    displaylogo: false,
    responsive: true,
    scrollZoom: false,
    displayModeBar: mouse ? "hover" : false,
    modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
    showSendToCloud: false,
    plotlyServerURL: "",
  };

  // The page's colours, so that plots follow light, dark and print as the text does.
  function theme(layout) {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const update = {
      "font.color": colour("--ink"),
      "font.family": colour("--sans"),
      "legend.bgcolor": "rgba(0,0,0,0)",
      "hoverlabel.bgcolor": colour("--card"),
      "hoverlabel.bordercolor": colour("--rule"),
      "hoverlabel.font.color": colour("--ink"),
      "modebar.bgcolor": "rgba(0,0,0,0)",
      "modebar.color": colour("--soft"),
      "modebar.activecolor": colour("--accent"),
    };
    for (const key of Object.keys(layout)) {
      if (/^[xy]axis\d*$/.test(key)) {
        update[key + ".gridcolor"] = colour("--grid");
        update[key + ".linecolor"] = colour("--rule");
        update[key + ".tickcolor"] = colour("--rule");
        update[key + ".title.font.color"] = colour("--soft");
        update[key + ".tickfont.color"] = colour("--soft");
      }
    }
    return update;
  }

  function retheme() {
    for (const id of Object.keys(plots)) {
      const target = document.getElementById(id);
      Plotly.relayout(target, theme(target.layout));
    }
  }

  function save(name, type, text) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    URL.revokeObjectURL(link.href);
  }

  const quoted = (text) => (/[",\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text);
  const cell = (value) => (value === null || value === undefined ? "" : quoted(String(value)));
  const plain = (title) => String(title || "").replace(/<[^>]*>/g, "");

  // The numbers of a plot as they are drawn now, with the axes' titles and units above them.
  function plotData(id) {
    const { data, layout } = document.getElementById(id);
    const axes = ["x", "y"].map((axis) => plain(layout[axis + "axis"].title.text) || axis);
    const lines = [["trace", ...axes, "y error", "from"].map(cell).join(",")];
    for (const trace of data) {
      if (trace.visible === false) continue;
      const errors = (trace.error_y && trace.error_y.array) || [];
      (trace.x || []).forEach((x, i) => lines.push(
        [trace.name, x, trace.y[i], errors[i], trace.base && trace.base[i]].map(cell).join(",")));
    }
    return lines.join("\n") + "\n";
  }

  function tableData(id) {
    const rows = [...document.getElementById(id).rows];
    const text = (element) => element.innerText.replace(/\s+/g, " ").trim();
    return rows.map((row) => [...row.cells].map((one) => cell(text(one))).join(",")).join("\n") + "\n";
  }

  for (const [id, plot] of Object.entries(plots)) {
    // A finger that scrolls the page must not zoom a plot.
    plot.layout.dragmode = mouse ? "zoom" : false;
    Plotly.newPlot(id, plot.data, plot.layout, config);
  }
  retheme();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", retheme);

  // Paper has its own width and colours, and a browser does not wait for plots to adapt.
  addEventListener("beforeprint", () => {
    document.documentElement.classList.add("printing");
    for (const id of Object.keys(plots)) {
      const panel = document.getElementById(id).closest(".panel");
      const siblings = panel.parentElement.children;
      const whole = siblings.length % 2 === 1 && panel === siblings[siblings.length - 1];
      Plotly.relayout(id, { width: whole ? 660 : 322, autosize: false });
    }
    retheme();
  });
  addEventListener("afterprint", () => {
    document.documentElement.classList.remove("printing");
    for (const id of Object.keys(plots)) Plotly.relayout(id, { width: null, autosize: true });
    retheme();
  });

  const choices = [...document.querySelectorAll(".views")];
  function choose(choice) {
    const id = choice.dataset.plot;
    choice.dataset.chosen = "yes";
    Plotly.restyle(id, { visible: plots[id].views[choice.value] });
  }
  choices.forEach((choice) => choice.addEventListener("change", () => choose(choice)));
  document.querySelectorAll(".csv").forEach((button) =>
    button.addEventListener("click", () => {
      const { plot, table, text, name } = button.dataset;
      if (plot) save(plot + ".csv", "text/csv", plotData(plot));
      else if (table) save(table + ".csv", "text/csv", tableData(table));
      else save(name, "text/plain", document.getElementById(text).textContent);
    }));

  // The page of a run that goes on loads itself again.  The browser keeps this with the page's
  // entry in its history: where the reader was, what was zoomed, hidden, chosen and unfolded.
  const { refresh, written } = document.documentElement.dataset;
  const zooms = {};
  for (const id of Object.keys(plots)) {
    document.getElementById(id).on("plotly_relayout", (change) => {
      for (const axis of ["xaxis", "yaxis"]) {
        const ends = [change[axis + ".range[0]"], change[axis + ".range[1]"]];
        if (ends.every(Number.isFinite)) (zooms[id] = zooms[id] || {})[axis + ".range"] = ends;
        if (change[axis + ".autorange"] && zooms[id]) delete zooms[id][axis + ".range"];
      }
    });
  }
  const folds = [...document.querySelectorAll("details")];
  const hiddenIn = (id) => document.getElementById(id).data
    .filter((trace) => trace.visible === "legendonly").map((trace) => trace.name);

  function remember() {
    history.replaceState({
      scroll: [scrollX, scrollY],
      zooms,
      hidden: Object.fromEntries(Object.keys(plots).map((id) => [id, hiddenIn(id)])),
      chosen: choices.filter((choice) => choice.dataset.chosen)
        .map((choice) => [choice.dataset.plot, choice.selectedOptions[0].textContent]),
      open: folds.map((fold) => fold.open),
    }, "");
  }

  function restore(state) {
    for (const [id, name] of state.chosen) {
      const choice = choices.find((one) => one.dataset.plot === id);
      const place = choice ? [...choice.options].findIndex((one) => one.textContent === name) : -1;
      if (place >= 0) {
        choice.value = String(place);
        choose(choice);
      }
    }
    for (const id of Object.keys(plots)) {
      const names = state.hidden[id] || [];
      const places = document.getElementById(id).data
        .map((trace, place) => (names.includes(trace.name) ? place : -1)).filter((n) => n >= 0);
      if (places.length) Plotly.restyle(id, { visible: "legendonly" }, places);
      if (state.zooms[id]) Plotly.relayout(id, zooms[id] = state.zooms[id]);
    }
    folds.forEach((fold, place) => { fold.open = Boolean(state.open[place]); });
    scrollTo(...state.scroll);
  }

  if (history.state && history.state.zooms) restore(history.state);
  history.scrollRestoration = refresh ? "manual" : "auto";
  if (!refresh) {
    history.replaceState(null, "");  // the run has ended
    return;
  }

  const minutes = (Date.now() / 1000 - Number(written)) / 60;
  if (minutes > 30) {
    const age = minutes < 120 ? `${Math.round(minutes)} minutes` : `${Math.round(minutes / 60)} hours`;
    document.querySelector(".status").append(` Nothing new for ${age}: the run may have ended.`);
  }

  // Not while it is being read with a mouse held down, a list open, text selected, or on paper.
  let busy = false;
  addEventListener("pointerdown", () => { busy = true; });
  for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => { busy = false; });
  function again() {
    const selecting = String(getSelection()) !== "" || document.activeElement.tagName === "SELECT";
    const printing = document.documentElement.classList.contains("printing");
    if (busy || selecting || printing || document.hidden) {
      setTimeout(again, 2000);
      return;
    }
    remember();
    location.reload();
  }
  setTimeout(again, 1000 * Number(refresh));
})();
