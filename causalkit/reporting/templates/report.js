"use strict";
(function () {
  var root = document.documentElement;
  var button = document.getElementById("theme");
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  button.hidden = false;
  button.addEventListener("click", function () {
    var now = root.dataset.theme || (dark.matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
  });

  function value(row, column) {
    var text = row.cells[column].textContent.trim();
    var figure = parseFloat(text.replace(/\u2212/g, "-").replace(/[\u202f<]/g, ""));
    return isNaN(figure) ? text.toLowerCase() : figure;
  }
  function compare(a, b) {
    if (typeof a === typeof b) { return a < b ? -1 : a > b ? 1 : 0; }
    return typeof a === "number" ? -1 : 1;
  }
  document.querySelectorAll("table.sortable").forEach(function (table) {
    Array.prototype.forEach.call(table.tHead.rows[0].cells, function (head, column) {
      var sort = document.createElement("button");
      sort.type = "button";
      sort.textContent = head.textContent;
      head.textContent = "";
      head.appendChild(sort);
      sort.addEventListener("click", function () {
        var down = head.getAttribute("aria-sort") === "ascending";
        var body = table.tBodies[0];
        var rows = Array.prototype.map.call(body.rows, function (row) { return [value(row, column), row]; });
        rows.sort(function (a, b) { return down ? compare(b[0], a[0]) : compare(a[0], b[0]); });
        rows.forEach(function (pair) { body.appendChild(pair[1]); });
        Array.prototype.forEach.call(table.tHead.rows[0].cells, function (cell) { cell.removeAttribute("aria-sort"); });
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
      });
    });
  });

  document.querySelectorAll("[data-filter]").forEach(function (field) {
    var table = document.getElementById(field.dataset.filter);
    var found = document.querySelector('[data-found="' + field.dataset.filter + '"]');
    field.closest(".tools").hidden = false;
    field.addEventListener("input", function () {
      var wanted = field.value.toLowerCase(), n = 0;
      Array.prototype.forEach.call(table.tBodies[0].rows, function (row) {
        var text = row.cells[0].textContent + " " + row.cells[1].textContent;
        row.hidden = text.toLowerCase().indexOf(wanted) < 0;
        n += row.hidden ? 0 : 1;
      });
      found.textContent = wanted ? n + " found" : "";
    });
  });

  if ("IntersectionObserver" in window) {
    var links = {};
    document.querySelectorAll(".toc a").forEach(function (link) { links[link.hash.slice(1)] = link; });
    var watch = new IntersectionObserver(function (entries) {
      entries.forEach(function (entry) {
        if (!entry.isIntersecting || !links[entry.target.id]) { return; }
        Object.keys(links).forEach(function (id) { links[id].removeAttribute("aria-current"); });
        links[entry.target.id].setAttribute("aria-current", "true");
      });
    }, { rootMargin: "-15% 0px -75% 0px" });
    document.querySelectorAll("main > section").forEach(function (section) { watch.observe(section); });
  }
})();
