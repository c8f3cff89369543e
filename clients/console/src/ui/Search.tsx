/** A field to search with, and what it finds. */

export const SHOWN = 200;

interface Props {
  /** What is searched. */
  what: string;
  value: string;
  onSearch: (value: string) => void;
}

export const Search = ({ what, value, onSearch }: Props) => (
  <input
    type="search"
    placeholder="Search"
    aria-label={`Search ${what}`}
    value={value}
    onInput={event => onSearch(event.currentTarget.value)}
  />
);

/** Whether a text has all words of a search. */
export function sought(search: string): (text: string) => boolean {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return text => {
    const small = text.toLowerCase();
    return words.every(word => small.includes(word));
  };
}
