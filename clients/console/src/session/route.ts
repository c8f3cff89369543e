/** Where one is: the view and its arguments, in the address's fragment, so that a reload keeps them. */

import { useEffect, useState } from 'preact/hooks';

export type Route = readonly [view: string, ...rest: string[]];

const parse = (): Route => {
  const [view, ...rest] = location.hash.replace(/^#\/?/, '').split('/').map(decode);
  return [view || 'agents', ...rest];
};

const decode = (part: string): string => {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
};

export const linkTo = (...parts: string[]): string =>
  `#/${parts.map(encodeURIComponent).join('/')}`;

/** Go there; `quietly` leaves no step to go back to. */
export function goTo(parts: readonly string[], quietly = false): void {
  if (!quietly) {
    location.hash = linkTo(...parts);
    return;
  }
  history.replaceState(null, '', linkTo(...parts));
  dispatchEvent(new HashChangeEvent('hashchange'));
}

export function useRoute(): Route {
  const [route, setRoute] = useState(parse);
  useEffect(() => {
    const hear = () => setRoute(parse());
    addEventListener('hashchange', hear);
    return () => removeEventListener('hashchange', hear);
  }, []);
  return route;
}
