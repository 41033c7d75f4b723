"use strict";

// Times come in UTC; visitors read them in their own zone, and in words where they are of today.
const MINUTE = 60 * 1000;
const HOUR = 60 * MINUTE;

function inWords(written) {
    const past = Date.now() - written.getTime();
    if (past < MINUTE) {
        return "just now";
    }
    if (past < HOUR) {
        return `${Math.floor(past / MINUTE)} min ago`;
    }
    if (past < 24 * HOUR) {
        return `${Math.floor(past / HOUR)} h ago`;
    }
    return written.toLocaleString();
}

function refresh() {
    for (const element of document.querySelectorAll("time")) {
        if (!element.dateTime) {
            element.dateTime = `${element.textContent.trim().replace(" ", "T")}Z`;
        }
        element.textContent = inWords(new Date(element.dateTime));
    }
}

refresh();
setInterval(refresh, MINUTE);
