// Runs before the first paint, so that a dark room never sees a white flash. It is a
// file of its own because the content security policy allows no inline script.
(() => {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const choice = () => {
    const asked = new URLSearchParams(location.search).get('theme');
    if (asked === 'light' || asked === 'dark') return asked;
    try {
      const kept = localStorage.getItem('theme');
      if (kept === 'light' || kept === 'dark') return kept;
    } catch {
      // Storage can be forbidden; the system's theme is a good answer then.
    }
    return dark.matches ? 'dark' : 'light';
  };
  const apply = () => {
    document.documentElement.dataset.theme = choice();
    document.dispatchEvent(new Event('themechange'));
  };
  apply();
  dark.addEventListener('change', apply);
  document.addEventListener('themechoice', apply);
})();
