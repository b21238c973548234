// Names the code blocks of rule pages: what a file is called, what a registry answers. mdBook keeps the whole info
// string of a block in its class.
(function () {
    "use strict";
    const names = {
        registry: "The registry answers",
        args: "Options",
        findings: "Findings",
        config: ".pullcheck.yaml",
    };
    for (const code of document.querySelectorAll("pre > code[class*='language-']")) {
        const title = /title="([^"]*)"/.exec(code.className);
        const language = /language-(\w+)/.exec(code.className);
        const name = title ? title[1] : language && names[language[1]];
        if (!name) {
            continue;
        }
        const caption = document.createElement("div");
        caption.className = "block-name";
        caption.textContent = name;
        code.parentElement.before(caption);
    }
})();

// Names the column of each cell, for screens that are too narrow for columns.
(function () {
    "use strict";
    for (const table of document.querySelectorAll(".content table")) {
        const columns = Array.from(table.querySelectorAll("th"), (cell) => cell.textContent);
        for (const row of table.querySelectorAll("tbody tr")) {
            Array.from(row.cells).forEach((cell, at) => cell.dataset.column = columns[at] || "");
        }
    }
})();

// Links the names of rules to their pages: the texts of the rules are read in terminals too, and have no such links.
(function () {
    "use strict";
    const pages = new Map();
    for (const link of document.querySelectorAll("#mdbook-sidebar a[href*='rules/']")) {
        const rule = /rules\/([a-z-]+)\.html/.exec(link.href);
        if (rule && rule[1] !== "index") {
            pages.set(rule[1], link.href);
        }
    }
    for (const code of document.querySelectorAll(".content :not(pre) > code")) {
        const page = pages.get(code.textContent);
        if (page && !code.closest("a") && page !== window.location.href.split("#")[0]) {
            const link = document.createElement("a");
            link.href = page;
            code.replaceWith(link);
            link.append(code);
        }
    }
})();

// Keeps short code in one line: browsers break `--option` behind its first hyphen.
(function () {
    "use strict";
    for (const code of document.querySelectorAll(".content :not(pre) > code")) {
        code.classList.toggle("short", code.textContent.length <= 32);
    }
})();
