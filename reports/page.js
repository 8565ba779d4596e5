// Draws every chart of the page from the JSON beside it. No chart asks the network: the page's policy forbids it.
(() => {
  const config = JSON.parse(document.getElementById("config").textContent);
  const narrow = 640;

  const columnsOf = (spec, width) => {
    const most = spec.columns || spec.concat.length;
    return Math.min(width < narrow ? 1 : width < 900 ? 2 : most, most, spec.concat.length);
  };

  // Charts side by side know no container width: give each its share, stacked where the page is narrow.
  const place = (spec, width, surplus) => {
    if (!spec.concat) return spec;
    const columns = columnsOf(spec, width);
    const each = Math.max(120, Math.floor((width - surplus) / columns));
    return { ...spec, columns, concat: spec.concat.map((view) => ({ ...view, width: each })) };
  };

  const draw = async (box, spec) => {
    const width = box.clientWidth;
    const axis = { ...config.axis, labelLimit: Math.max(90, Math.min(220, 0.28 * width)) };
    const options = { mode: "vega-lite", renderer: "svg", actions: false, ast: true, config: { ...config, axis } };
    const columns = spec.concat ? columnsOf(spec, width) : 1;
    let result = await vegaEmbed(box, place(spec, width, 70 * columns), options);
    const over = spec.concat ? box.querySelector("svg").getBoundingClientRect().width - width : 0;
    if (Math.abs(over) > 4) {
      result.finalize();
      result = await vegaEmbed(box, place(spec, width, 70 * columns + over), options);
    }
    return result;
  };

  const start = async (box) => {
    const spec = JSON.parse(box.closest("figure").querySelector("script.spec").textContent);
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
