"use strict";
const root = document.documentElement;

/* Theme: the reader's choice, else the system's. */
const systemDark = matchMedia("(prefers-color-scheme: dark)");
const themeButton = document.getElementById("theme");
let chosen = null;
try { chosen = localStorage.getItem("kratos-theme"); } catch { /* no storage in this browser */ }
function applyTheme() {
  const dark = chosen ? chosen === "dark" : systemDark.matches;
  root.dataset.theme = dark ? "dark" : "light";
  themeButton.setAttribute("aria-pressed", String(dark));
  document.querySelectorAll(".plot.js-plotly-plot").forEach(plot => Plotly.relayout(plot, plotColours()));
}
function plotColours() {
  const style = getComputedStyle(root), colour = name => style.getPropertyValue(name).trim();
  const axis = { color: colour("--ink"), gridcolor: colour("--line"), zerolinecolor: colour("--line"), linecolor: colour("--muted") };
  const settings = { paper_bgcolor: colour("--ground"), plot_bgcolor: colour("--ground"), "font.color": colour("--ink"), "font.family": getComputedStyle(document.body).fontFamily };
  for (const name of ["xaxis", "yaxis"]) for (const key in axis) settings[`${name}.${key}`] = axis[key];
  return settings;
}
themeButton.addEventListener("click", () => {
  chosen = root.dataset.theme === "dark" ? "light" : "dark";
  try { localStorage.setItem("kratos-theme", chosen); } catch { /* kept for this visit alone */ }
  applyTheme();
});
systemDark.addEventListener("change", applyTheme);
applyTheme();

/* Contents fold away where they would push the results down. */
if (!matchMedia("(min-width: 68rem)").matches) document.getElementById("contents").open = false;

/* Sorting by a column; cells without a value come last either way. */
function sortBy(header) {
  const table = header.closest("table"), place = [...header.parentNode.children].indexOf(header);
  const numeric = header.classList.contains("num"), down = header.getAttribute("aria-sort") === "ascending";
  const key = row => { const cell = row.children[place]; return cell.dataset.sort ?? cell.textContent.trim(); };
  const rows = [...table.tBodies[0].rows].map(row => [key(row), row]);
  rows.sort(([a], [b]) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    const order = numeric ? a - b : a.localeCompare(b, "en", { numeric: true });
    return down ? -order : order;
  });
  table.tBodies[0].append(...rows.map(([, row]) => row));
  for (const other of header.parentNode.children) other.setAttribute("aria-sort", "none");
  header.setAttribute("aria-sort", down ? "descending" : "ascending");
}
document.querySelectorAll("table.sortable th button").forEach(button =>
  button.addEventListener("click", () => sortBy(button.parentNode)));

/* Searching a table, and showing claims of one verdict. */
document.querySelectorAll(".tools").forEach(tools => {
  const rows = [...tools.parentNode.querySelector("table").tBodies[0].rows];
  const search = tools.querySelector(".search"), count = tools.querySelector(".count");
  const buttons = [...tools.querySelectorAll("[data-verdict]")];
  const texts = new Map(rows.map(row => [row, row.textContent.toLowerCase()]));
  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const verdict = buttons.find(button => button.getAttribute("aria-pressed") === "true")?.dataset.verdict;
    let shown = 0;
    for (const row of rows) {
      row.hidden = !words.every(word => texts.get(row).includes(word)) || Boolean(verdict && row.dataset.verdict !== verdict);
      shown += !row.hidden;
    }
    count.textContent = shown === rows.length ? `${rows.length} rows` : `${shown} of ${rows.length} rows`;
  }
  search.addEventListener("input", filter);
  buttons.forEach(button => button.addEventListener("click", () => {
    buttons.forEach(other => other.setAttribute("aria-pressed", String(other === button)));
    filter();
  }));
});

/* Charts: Plotly draws; boxes and buttons decide what is visible. */
document.querySelectorAll(".explore").forEach(box => {
  const plot = box.querySelector(".plot"), figure = JSON.parse(box.querySelector("script").textContent);
  const methods = [...box.querySelectorAll(".method")], bars = box.querySelector(".bars");
  const settings = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };
  Plotly.newPlot(plot, figure.data, figure.layout, settings).then(() => Plotly.relayout(plot, plotColours()));
  function update() {
    const on = new Set(methods.filter(input => input.checked).map(input => input.value));
    const group = box.querySelector(".group:checked")?.value ?? figure.data[0].meta.group;
    const visible = figure.data.map(trace => on.has(trace.meta.method) && trace.meta.group === group);
    Plotly.restyle(plot, { visible, "error_y.visible": bars.getAttribute("aria-pressed") === "true" });
  }
  box.querySelectorAll("input").forEach(input => input.addEventListener("change", update));
  for (const [name, checked] of [["all", true], ["none", false]])
    box.querySelector(`.${name}`).addEventListener("click", () => { methods.forEach(input => { input.checked = checked; }); update(); });
  bars.addEventListener("click", () => { bars.setAttribute("aria-pressed", String(bars.getAttribute("aria-pressed") !== "true")); update(); });
});

/* On paper everything that is folded shows. */
addEventListener("beforeprint", () => document.querySelectorAll("details:not(.no-print)").forEach(details => { details.open = true; }));
