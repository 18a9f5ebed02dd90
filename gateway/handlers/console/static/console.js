// Times in the zone of the browser, and buttons that copy. Everything else works without this.
(() => {
  "use strict";
  const units = [[86400, "d"], [3600, "h"], [60, "min"]];
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

  function span(seconds) {
    const [size, unit] = units.find(([size]) => seconds >= size);
    return `${Math.floor(seconds / size)} ${unit}`;
  }

  function ago(moment) {
    const seconds = (Date.now() - moment) / 1000;
    if (Math.abs(seconds) < 60) return "just now";
    return seconds > 0 ? `${span(seconds)} ago` : `in ${span(-seconds)}`;
  }

  // The page was drawn by the clock of the gateway; a wrong clock here must not make it wrong.
  const drawn = Date.now();

  function show(within) {
    for (const time of within.querySelectorAll("time[datetime]")) {
      const moment = new Date(time.dateTime);
      time.title = exact.format(moment);
      if ("ago" in time.dataset && Date.now() - drawn > 30000) time.textContent = ago(moment);
    }
    for (const button of within.querySelectorAll("button[data-copy]")) {
      button.hidden = !navigator.clipboard;
    }
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).value);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });

  // On a narrow screen the areas scroll sideways.
  document.querySelector("[aria-current=page]")?.scrollIntoView({ block: "nearest", inline: "nearest" });

  show(document);
  setInterval(() => show(document), 30000);
  document.addEventListener("htmx:after:swap", () => show(document));
})();
