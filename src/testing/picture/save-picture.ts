import { asText } from '../../util/log-format.ts';
import type { MarbleTimeline } from '../marbles/timelines.ts';
import { toSvg } from './to-svg.ts';

/** What is used of Node's `process`, if there is one. */
interface Platform {
  readonly process?: {
    readonly env?: Readonly<Record<string, string | undefined>>;
    getBuiltinModule?(name: string): unknown;
  };
}

interface FileSystem {
  mkdirSync(path: string, options: { readonly recursive: true }): unknown;
  writeFileSync(path: string, text: string): void;
}

/**
 * Writes the picture of a failed test into the folder that the environment variable MARBLES_SVG names. The name of the file is made of
 * the message, so that a test that fails again writes the same file.
 *
 * @returns a sentence for the message; undefined if the variable is not set, or there is no file system.
 */
export function savePicture(message: string, timelines: readonly MarbleTimeline[]): string | undefined {
  // Asked for at run time, because this file runs in browsers, too.
  const { process: node } = globalThis as Platform;
  const folder = node?.env?.MARBLES_SVG;
  const fs = folder ? (node.getBuiltinModule?.('fs') as FileSystem | undefined) : undefined;
  if (!folder || !fs) return undefined;
  const path = `${folder}/marbles-${hashOf(message)}.svg`;
  try {
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path, toSvg({ timelines }, { title: message }));
    return `picture: ${path}`;
  } catch (error) {
    return `the picture was not written: ${asText(error)}`;
  }
}

/** FNV-1a in 32 bits, in hex. */
function hashOf(text: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}
