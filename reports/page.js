// Draws every chart of the page from the JSON beside it. No chart asks the network: the page's policy forbids it.
(() => {
  const config = JSON.parse(document.getElementById("config").textContent);
  const letter = 7; // pixels, about

  // Vega's own reader of CSV makes code at run time, which the page's policy forbids: so the cells are read here.
  const cells = (text) => {
    const rows = [[]];
    for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n|$)/g)) {
      rows.at(-1).push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
      if (end === "\n") rows.push([]);
      if (end === "") break;
    }
    return rows.filter((row) => row.length > 1 || row[0] !== "");
  };
  const readers = {
    number: (cell) => (cell === "" ? null : Number(cell)),
    boolean: (cell) => cell === "true",
    string: (cell) => cell,
  };
  const records = (text, kinds) => {
    const [names, ...rows] = cells(text);
    return rows.map((row) => Object.fromEntries(names.map((name, place) => [name, readers[kinds[name]](row[place])])));
  };
  const withRecords = (spec) => {
    const visit = (node) => {
      if (!node || typeof node !== "object") return;
      if (node.data && node.data.format && typeof spec.datasets[node.data.name] === "string") {
        spec.datasets[node.data.name] = records(spec.datasets[node.data.name], node.data.format.parse);
      }
      if (node.data) delete node.data.format;
      Object.entries(node).forEach(([key, part]) => key === "datasets" || visit(part));
    };
    visit(spec);
    return spec;
  };

  // The longest entry of any legend decides how many stand side by side.
  const longest = (node) => {
    if (!node || typeof node !== "object") return 0;
    const own = node.legend !== null && node.scale && Array.isArray(node.scale.domain) ? node.scale.domain : [];
    const lengths = own.filter((entry) => typeof entry === "string").map((entry) => entry.length);
    return Math.max(0, ...lengths, ...Object.entries(node).filter(([key]) => key !== "datasets").map(([, part]) => longest(part)));
  };

  const columnsOf = (spec, width) => {
    if (!spec.concat) return 1;
    const most = Math.min(spec.columns || spec.concat.length, spec.concat.length);
    return Math.min(most, width < 640 ? 1 : width < 900 ? 2 : most);
  };

  // Charts side by side know no container width: each gets its share of what axes and gaps leave.
  const placed = (spec, width, surplus) => {
    if (!spec.concat) return spec;
    const columns = columnsOf(spec, width);
    const each = Math.max(120, Math.floor((width - surplus) / columns));
    return { ...spec, columns, concat: spec.concat.map((view) => ({ ...view, width: each })) };
  };

  const fitted = (spec, width) => ({
    ...config,
    axis: { ...config.axis, labelLimit: Math.max(120, Math.min(220, 0.28 * width)) },
    axisX: { ...config.axisX, tickCount: Math.max(3, Math.floor(width / columnsOf(spec, width) / 90)) },
    legend: { ...config.legend, columns: Math.max(1, Math.floor((width - 60) / (letter * longest(spec) + 30))) },
  });

  // Vega names what it draws into after itself: so it gets a stage of its own, and the chart keeps its words.
  const draw = async (box, spec) => {
    const width = box.clientWidth;
    const stage = box.firstElementChild;
    const options = { mode: "vega-lite", renderer: "svg", actions: false, ast: true, config: fitted(spec, width) };
    let surplus = 70 * columnsOf(spec, width);
    for (let tries = 0; ; tries++) {
      const drawn = await vegaEmbed(stage, placed(spec, width, surplus), options);
      const over = spec.concat ? box.querySelector("svg").getBoundingClientRect().width - width : 0;
      if (Math.abs(over) < 4 || tries === 3) return drawn;
      surplus += over;
      drawn.finalize();
    }
  };

  const start = async (box) => {
    const spec = withRecords(JSON.parse(box.closest("figure").querySelector("script.spec").textContent));
    let drawn = await draw(box, spec);
    let width = box.clientWidth;
    let waiting = 0;
    new ResizeObserver(() => {
      if (Math.abs(box.clientWidth - width) < 2) return;
      clearTimeout(waiting);
      waiting = setTimeout(async () => {
        width = box.clientWidth;
        drawn.finalize();
        drawn = await draw(box, spec);
      }, 150);
    }).observe(box);
  };

  const boxes = [...document.querySelectorAll(".chart")];
  Promise.all(boxes.map((box) => start(box).catch((error) => {
    box.textContent = "This chart could not be drawn: " + error.message;
    console.error(error);
  }))).then(() => { document.documentElement.dataset.drawn = String(boxes.length); });
})();
