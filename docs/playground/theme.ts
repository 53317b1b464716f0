/** Uses the theme that was chosen on the site (VitePress keeps it under this name), or that of the system. */
export function applyTheme(): void {
  const system = matchMedia('(prefers-color-scheme: dark)');
  const apply = (): void => {
    let chosen: string | null = null;
    try {
      chosen = localStorage.getItem('vitepress-theme-appearance');
    } catch {
      // Not allowed here: the system decides.
    }
    const isDark = chosen === 'dark' || (chosen !== 'light' && system.matches);
    document.documentElement.dataset.theme = isDark ? 'dark' : 'light';
  };
  apply();
  system.addEventListener('change', apply);
}
