/** Light or dark: as the system has it, until one chooses. The choice is this browser's. */

import { useEffect, useState } from 'preact/hooks';

export type Theme = 'light' | 'dark';

const KEY = 'blackroad.theme';
const system = matchMedia('(prefers-color-scheme: dark)');

const chosen = (): Theme => {
  const kept = localStorage.getItem(KEY);
  if (kept === 'light' || kept === 'dark') return kept;
  return system.matches ? 'dark' : 'light';
};

const show = (theme: Theme): void => {
  document.documentElement.dataset.theme = theme;
};

show(chosen());

export function useTheme(): [Theme, (theme: Theme) => void] {
  const [theme, setTheme] = useState(chosen);
  useEffect(() => show(theme), [theme]);
  useEffect(() => {
    const hear = () => setTheme(chosen());
    system.addEventListener('change', hear);
    return () => system.removeEventListener('change', hear);
  }, []);
  const choose = (wanted: Theme) => {
    localStorage.setItem(KEY, wanted);
    setTheme(wanted);
  };
  return [theme, choose];
}
