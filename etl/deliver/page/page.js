// Sorting, search and the reader's own unit. Names are only ever compared and written as text.
(function () {
  "use strict";

  var OWN = "don-vi=";
  var letters = new Intl.Collator("vi", { numeric: true });

  function fold(text) {
    return text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").replace(/[đĐ]/g, "d").toLowerCase().replace(/\s+/g, " ").trim();
  }

  // ---- sorting: heading cells become buttons; missing figures come last either way

  function keyOf(cell) {
    var exact = cell.hasAttribute("data-value") ? cell.getAttribute("data-value") : cell.getAttribute("data-sort");
    if (exact !== null) return exact === "" ? null : Number(exact);
    return cell.textContent.trim() || null;
  }

  function compare(a, b) {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a === "number") return -1;
    if (typeof b === "number") return 1;
    return letters.compare(a, b);
  }

  function sort(table, column, direction) {
    var body = table.tBodies[0];
    var rows = table.originalRows.slice();
    if (direction !== 0) {
      rows.sort(function (left, right) {
        var a = keyOf(left.cells[column]), b = keyOf(right.cells[column]);
        if (a === null || b === null) return (a === null) - (b === null);
        return direction * compare(a, b);
      });
    }
    rows.forEach(function (row) { body.appendChild(row); });
  }

  document.querySelectorAll("table[data-sortable]").forEach(function (table) {
    table.originalRows = Array.prototype.slice.call(table.tBodies[0].rows);
    table.tHead.querySelectorAll("th[data-col]").forEach(function (heading) {
      var button = document.createElement("button");
      button.type = "button";
      button.title = "Sắp xếp theo cột này";
      while (heading.firstChild) button.appendChild(heading.firstChild);
      var arrow = document.createElement("span");
      arrow.className = "arrow";
      button.insertBefore(arrow, button.querySelector(".below"));
      heading.appendChild(button);
      button.addEventListener("click", function () {
        var now = heading.getAttribute("aria-sort");
        var next = now === "ascending" ? -1 : now === "descending" ? 0 : 1;
        table.tHead.querySelectorAll("th[aria-sort]").forEach(function (other) { other.removeAttribute("aria-sort"); });
        if (next !== 0) heading.setAttribute("aria-sort", next === 1 ? "ascending" : "descending");
        sort(table, Number(heading.getAttribute("data-col")), next);
      });
    });
  });

  // ---- search over every table of units

  var tools = document.getElementById("cong-cu");
  var search = document.getElementById("tim");
  var choice = document.getElementById("don-vi-toi");
  var told = document.getElementById("ket-qua");
  var tables = Array.prototype.slice.call(document.querySelectorAll("table[data-label]"));
  var rows = [];
  tables.forEach(function (table) {
    Array.prototype.forEach.call(table.tBodies[0].rows, function (row) {
      var name = row.querySelector("th");
      rows.push({ row: row, table: table, name: fold(name ? name.textContent : "") });
    });
  });

  function filter() {
    var wanted = fold(search.value);
    var found = new Map();
    rows.forEach(function (one) {
      var hit = one.name.indexOf(wanted) !== -1;
      one.row.hidden = !hit;
      if (hit) found.set(one.table, (found.get(one.table) || 0) + 1);
    });
    tables.forEach(function (table) {
      table.closest(".block").hidden = wanted !== "" && !found.has(table);
      table.closest(".block").querySelectorAll("figure").forEach(function (figure) { figure.hidden = wanted !== ""; });
    });
    if (wanted === "") {
      told.textContent = "";
    } else if (found.size === 0) {
      told.textContent = "Không có đơn vị nào khớp.";
    } else {
      var total = 0, parts = [];
      found.forEach(function (count, table) { total += count; parts.push(table.getAttribute("data-label") + ": " + count); });
      told.textContent = "Có " + total + " dòng khớp (" + parts.join("; ") + ").";
    }
  }

  // ---- the reader's own unit, remembered in the address's fragment and nowhere else

  function highlight(key) {
    var count = 0;
    document.querySelectorAll("[data-unit]").forEach(function (one) {
      var own = key !== "" && one.getAttribute("data-unit") === key;
      var line = one.tagName === "TR";
      one.classList.toggle(line ? "mine" : "own", own);
      if (line && own) { one.setAttribute("aria-current", "true"); count += 1; } else { one.removeAttribute("aria-current"); }
    });
    return count;
  }

  function remember(key) {
    var fragment = key === "" ? " " : "#" + OWN + encodeURIComponent(key);
    try { history.replaceState(null, "", key === "" ? location.pathname + location.search : fragment); } catch (refused) { location.hash = fragment; }
  }

  function remembered() {
    var at = location.hash.replace(/^#/, "");
    if (at.indexOf(OWN) !== 0) return null;
    try { at = decodeURIComponent(at.slice(OWN.length)); } catch (malformed) { return null; }
    return Array.prototype.some.call(choice.options, function (option) { return option.value === at; }) ? at : null;
  }

  function choose(key) {
    var count = highlight(key);
    told.textContent = key === "" ? "" : "Đã đánh dấu " + count + " dòng của " + choice.options[choice.selectedIndex].text + ".";
  }

  search.addEventListener("input", filter);
  choice.addEventListener("change", function () { remember(choice.value); choose(choice.value); });
  window.addEventListener("hashchange", function () {
    var key = remembered();
    if (key !== null) { choice.value = key; choose(key); }
    else if (choice.value !== "") { remember(choice.value); } // a link of the contents list: keep the unit in the address
  });
  tools.hidden = false;
  var first = remembered();
  if (first !== null) { choice.value = first; choose(first); }
})();
