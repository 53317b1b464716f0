import { readFileSync, readlinkSync } from 'node:fs';

/** `SO_ACCEPTCON` in the column of flags of /proc/net/unix: the socket listens. */
const LISTENS = '00010000';

/**
 * Returns the path of an inherited UNIX socket, which Node does not know. An abstract one starts with NUL.
 *
 * @returns '' where the system has no /proc, and for a descriptor that is no listening UNIX socket.
 */
export function inheritedPath(fd: number): string {
  try {
    const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
    // Num RefCount Protocol Flags Type St Inode Path
    const lines = readFileSync('/proc/net/unix', 'utf8').split('\n');
    const fields = lines.map((line) => /^\S+ \S+ \S+ (\S+) \S+ \S+ +(\d+) (.+)$/.exec(line));
    const path = fields.find((found) => found?.[1] === LISTENS && found[2] === inode)?.[3];
    if (path === undefined) return '';
    return path.startsWith('@') ? abstractName(path) : path;
  } catch {
    return '';
  }
}

/** Converts an abstract name, in which the system writes `@` for NUL. libuv before 1.46 fills names with NUL to 108 bytes. */
function abstractName(path: string): string {
  const name = path.slice(1);
  return `\0${path.length >= 107 ? name.replace(/@+$/, '') : name}`;
}
