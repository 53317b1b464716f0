const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** Formats a number of bytes in its unit: `64.0 MiB`. */
export function formatBytes(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), UNITS.length - 1);
  return `${(bytes / 1024 ** power).toFixed(power > 0 ? 1 : 0)} ${UNITS[power] ?? ''}`;
}

/** Formats an exact number, with its noun if there is one: `67,108,864 bytes`. */
export function formatCount(number: number, noun?: string): string {
  // Not `toLocaleString`: its first call takes 50 ms, which would show in the timeline of `npm start`.
  const digits = String(number).replace(/\B(?=(\d{3})+$)/g, ',');
  return noun === undefined ? digits : `${digits} ${noun}${number === 1 ? '' : 's'}`;
}
