// Filtering and folding only: without this script the page shows everything.
(() => {
  'use strict';
  document.documentElement.classList.add('js');
  const find = document.getElementById('find');
  const shown = document.getElementById('shown');
  const boxes = Array.from(document.querySelectorAll('input[name=verdict]'));
  const controls = Array.from(document.querySelectorAll('details.control'));
  const families = Array.from(document.querySelectorAll('section.family'));
  const words = new Map(controls.map((control) => [control, control.textContent.replace(/\s+/g, ' ').toLowerCase()]));

  const filter = () => {
    const wanted = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const verdicts = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    let left = 0;
    for (const control of controls) {
      const fits = verdicts.has(control.dataset.verdict) && wanted.every((word) => words.get(control).includes(word));
      control.hidden = !fits;
      left += fits ? 1 : 0;
    }
    for (const family of families) family.hidden = !family.querySelector('details.control:not([hidden])');
    shown.textContent = left === controls.length ? `All ${left} controls shown` : `${left} of ${controls.length} controls shown`;
  };
  const fold = (open) => controls.filter((control) => !control.hidden).forEach((control) => { control.open = open; });

  // A link to a control leads into a folded block: unhide and unfold it first.
  const follow = () => {
    let id = '';
    try { id = decodeURIComponent(location.hash.slice(1)); } catch { return; }
    const place = id && document.getElementById(id);
    const control = place && place.closest('details.control');
    if (!control) return;
    if (control.hidden) {
      find.value = '';
      boxes.forEach((box) => { box.checked = true; });
      filter();
    }
    control.open = true;
    control.scrollIntoView();
    control.querySelector('summary').focus({ preventScroll: true });
  };

  // Paper cannot be unfolded: print everything, then put back what was folded.
  let folded = [];
  addEventListener('beforeprint', () => {
    folded = Array.from(document.querySelectorAll('details:not([open])'));
    folded.forEach((item) => { item.open = true; });
  });
  addEventListener('afterprint', () => folded.forEach((item) => { item.open = false; }));

  find.addEventListener('input', filter);
  boxes.forEach((box) => box.addEventListener('change', filter));
  document.getElementById('unfold').addEventListener('click', () => fold(true));
  document.getElementById('fold').addEventListener('click', () => fold(false));
  addEventListener('hashchange', follow);
  document.addEventListener('click', (event) => {
    const link = event.target.closest && event.target.closest('a[href^="#"]');
    if (link && link.getAttribute('href') === location.hash) follow(); // the same link twice changes no hash
  });
  filter();
  follow();
})();
