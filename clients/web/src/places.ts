/** What is open, as the fragment of the page's address, so that a reload or a link shows the same. */

export interface Places {
  open: string[];
  /** The console in front; empty: the list. */
  front: string;
  grid: boolean;
}

export function parsePlaces(hash: string): Places {
  const values = new URLSearchParams(hash.replace(/^#/, ""));
  const open = [...new Set(values.getAll("open"))];
  const front = values.get("front") ?? "";
  return { open, front: open.includes(front) ? front : "", grid: values.has("grid") };
}

export function formatPlaces({ open, front, grid }: Places): string {
  const values = new URLSearchParams();
  for (const name of open) values.append("open", name);
  if (front) values.set("front", front);
  if (grid) values.set("grid", "1");
  const text = values.toString();
  return text && `#${text}`;
}
