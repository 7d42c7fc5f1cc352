// Runs before the page is drawn, so that a choice of light or dark shows without a flash.
(() => {
  const asked = new URLSearchParams(location.search).get("theme");
  let chosen = asked;
  try {
    if (asked) localStorage.setItem("theme", asked);
    chosen = asked ?? localStorage.getItem("theme");
  } catch {
    // Storage may be switched off; then the system's choice holds.
  }
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const theme = chosen === "light" || chosen === "dark" ? chosen : dark.matches ? "dark" : "light";
    document.documentElement.dataset.theme = theme;
    document.dispatchEvent(new CustomEvent("themechange"));
  };
  apply();
  dark.addEventListener("change", apply);
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("#theme")) return;
    chosen = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("theme", chosen);
    } catch {
      // The choice then lasts as long as the page.
    }
    apply();
  });
})();
