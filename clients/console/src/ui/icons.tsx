/** Pictures, drawn with lines. They say nothing to a screen reader: a name stands beside each. */

import type { ComponentChildren } from 'preact';

const drawn = (children: ComponentChildren) => () => (
  <svg class="icon" viewBox="0 0 20 20" aria-hidden="true">
    {children}
  </svg>
);

export const icons = {
  agents: drawn(
    <>
      <circle cx="10" cy="7" r="3.2" />
      <path d="M3.8 17c.6-3.4 3.1-5 6.2-5s5.6 1.6 6.2 5" />
    </>,
  ),
  channels: drawn(<path d="M7.5 3 6 17M14 3l-1.5 14M3.5 7.500h13.500M3 12.500h13.5" />),
  tap: drawn(<path d="M2.5 10h3l2.2-6 4 12 2.5-6h3.3" />),
  chat: drawn(
    <path d="M3 5.500A2 2 0 0 1 5 3.500h10a2 2 0 0 1 2 2v6a2 2 0 0 1-2 2H9L5 17v-3.500a2 2 0 0 1-2-2Z" />,
  ),
  streams: drawn(<path d="M3 5h14M3 10h9M3 15h5M15.5 12.500v5l3-2.500Z" />),
  nodes: drawn(
    <>
      <rect x="3" y="3.5" width="14" height="5.5" rx="1.5" />
      <rect x="3" y="11" width="14" height="5.5" rx="1.5" />
      <path d="M6 6.200h.01M6 13.800h.01" />
    </>,
  ),
  explain: drawn(
    <>
      <circle cx="10" cy="10" r="7" />
      <path d="M7.9 8a2.2 2.2 0 1 1 3.2 2c-.8.4-1.1.9-1.1 1.700M10 14.200h.01" />
    </>,
  ),
  sun: drawn(
    <>
      <circle cx="10" cy="10" r="3.3" />
      <path d="M10 2v2m0 12v2M2 10h2m12 0h2M4.3 4.300l1.4 1.400m8.6 8.6 1.4 1.400M15.7 4.300l-1.4 1.400m-8.6 8.6-1.4 1.4" />
    </>,
  ),
  moon: drawn(<path d="M16.5 11.800A7 7 0 0 1 8.2 3.500a7 7 0 1 0 8.3 8.300Z" />),
  out: drawn(
    <path d="M8 3.500H5a1.5 1.5 0 0 0-1.5 1.500v10A1.5 1.5 0 0 0 5 16.500h3M12.5 6.5 16 10l-3.5 3.500M16 10H8" />,
  ),
  pause: drawn(<path d="M7 4.500v11M13 4.500v11" />),
  play: drawn(<path d="M6.5 4v12l9-6Z" />),
  stop: drawn(<rect x="5" y="5" width="10" height="10" rx="1.5" />),
  send: drawn(<path d="M10 16V4.500M5 9l5-5 5 5" />),
  add: drawn(<path d="M10 4v12M4 10h12" />),
  tool: drawn(
    <path d="M12.5 3.200a4 4 0 0 0-4 5.300L3.3 13.700a2 2 0 0 0 3 3l5.2-5.200a4 4 0 0 0 5.3-4.600l-2.3 2.1-2.4-.6-.6-2.4 2.2-2.400a4 4 0 0 0-1.2-.4Z" />,
  ),
  thought: drawn(
    <path d="M10 3a5.5 5.5 0 0 0-3 10c.6.5 1 1.1 1 2h4c0-.9.4-1.5 1-2a5.5 5.5 0 0 0-3-10ZM8 17.500h4" />,
  ),
  yes: drawn(<path d="m4.5 10.5 3.5 3.5 7.5-8" />),
  no: drawn(<path d="m5.5 5.5 9 9m0-9-9 9" />),
  close: drawn(<path d="m5.5 5.5 9 9m0-9-9 9" />),
};

export const Mark = () => (
  <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
    <path class="edge" d="M9.5 4 6 28M22.5 4 26 28" />
    <path class="lane" d="M16 4v5.500m0 4.500v5M16 23.500V28" />
  </svg>
);
