/** The little of Markdown that answers use, as elements: no HTML is ever read. */

import type { VNode } from 'preact';

/** Paragraphs, lists, headings and code. */
export function Markdown({ text }: { text: string }) {
  return <>{blocksOf(text).map(shown)}</>;
}

interface Block {
  readonly kind: 'p' | 'ul' | 'ol' | 'h' | 'code';
  readonly lines: string[];
}

function kindOf(line: string): Block['kind'] {
  if (/^\s*[-*] /.test(line)) return 'ul';
  if (/^\s*\d+[.)] /.test(line)) return 'ol';
  return /^#{1,6} /.test(line) ? 'h' : 'p';
}

function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  let open: Block | undefined;
  for (const line of text.split('\n')) {
    const fence = line.trimStart().startsWith('```');
    if (open?.kind === 'code') {
      if (fence) open = undefined;
      else open.lines.push(line);
      continue;
    }
    const kind = fence ? 'code' : kindOf(line);
    if (!fence && line.trim() === '') open = undefined;
    else if (open?.kind === kind && kind !== 'h') open.lines.push(line);
    else {
      open = { kind, lines: fence ? [] : [line] };
      blocks.push(open);
    }
  }
  return blocks;
}

function shown({ kind, lines }: Block, at: number): VNode {
  const text = lines.join('\n');
  switch (kind) {
    case 'code':
      return (
        <pre key={at} tabIndex={0}>
          <code>{text}</code>
        </pre>
      );
    case 'h':
      return <h3 key={at}>{inline(text.replace(/^#+ /, ''))}</h3>;
    case 'ul':
      return <ul key={at}>{items(lines, /^\s*[-*] /)}</ul>;
    case 'ol':
      return <ol key={at}>{items(lines, /^\s*\d+[.)] /)}</ol>;
    default:
      return <p key={at}>{inline(text)}</p>;
  }
}

const items = (lines: readonly string[], mark: RegExp) =>
  lines.map((line, at) => <li key={at}>{inline(line.replace(mark, ''))}</li>);

const MARKS = /(`[^`]+`|\*\*[^*]+\*\*|\*[^*\s][^*]*\*|\[[^\]]+\]\(https?:\/\/[^)\s]+\))/;

function inline(text: string): (VNode | string)[] {
  return text.split(MARKS).map((part, at) => {
    if (at % 2 === 0) return part;
    if (part.startsWith('`')) return <code key={at}>{part.slice(1, -1)}</code>;
    if (part.startsWith('**')) return <strong key={at}>{part.slice(2, -2)}</strong>;
    if (part.startsWith('*')) return <em key={at}>{part.slice(1, -1)}</em>;
    const [, name, address] = /^\[([^\]]+)\]\((.+)\)$/.exec(part) ?? [];
    return (
      <a key={at} href={address} target="_blank" rel="noopener noreferrer">
        {name}
      </a>
    );
  });
}
