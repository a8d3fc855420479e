/* What assistive technology needs and the theme leaves out: a name for the search, and tables and code
   that can be focused, so that the keyboard scrolls them sideways on a narrow screen. */
document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
for (const wide of document.querySelectorAll(".md-typeset table, .md-typeset pre > code")) {
  wide.tabIndex = 0;
}
