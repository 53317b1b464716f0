import { describe, expect, it } from 'vitest';
import { toHtml, type Recording } from 'rxjs-io-stream/testing';
import { PAGE_SCRIPT, SCRIPT_HASH } from '../../../src/testing/picture/html-page.ts';
import { conversation } from './recordings.ts';

/** The rows that the script of a page reads. */
const rowsOf = (html: string): unknown[][] => JSON.parse(/<script id="rows"[^>]*>(.*?)<\/script>/s.exec(html)?.[1] ?? '') as unknown[][];

describe('toHtml', () => {
  it('contains each signal with its time, line, words, place and bytes', () => {
    const rows = rowsOf(toHtml(conversation()));
    expect(rows).toHaveLength(19);
    expect(rows[0]).toEqual(['0 ms', 'wire', 'connected: memory', 0, 168]);
    expect(rows[3]).toEqual(['40 ms', 'wire', 'data, 8 bytes: COME IN↵', 0, expect.any(Number), '434f4d4520494e0a']);
  });

  it('shows times to the millisecond after a second, and contains the whole message of an error', () => {
    const message = 'refused: '.repeat(40);
    const bytes = Uint8Array.of(1);
    const recording: Recording = {
      entries: [
        { at: 7821.4, line: 'wire', signal: { kind: 'data', bytes } },
        { at: 7823, line: 'wire', signal: { kind: 'error', code: 'EX', errno: 0, phase: undefined, message } },
      ],
      cut: false,
    };
    const rows = rowsOf(toHtml(recording));
    expect(rows.map(([at]) => at)).toEqual(['7.821 s', '7.823 s']);
    expect(rows[1]?.[2]).toBe(`error: EX: ${message}`);
  });

  it('allows its own script by the hash, and no request', async () => {
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(PAGE_SCRIPT));
    // If this fails after a change of the script, take the received value into html-page.ts.
    expect(SCRIPT_HASH).toBe(`sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}`);
    const html = toHtml(conversation());
    expect(html).toContain(
      `content="default-src 'none'; style-src 'unsafe-inline'; script-src '${SCRIPT_HASH}'; base-uri 'none'; form-action 'none'"`,
    );
    expect(html.match(/<script/g)).toHaveLength(2);
    expect(html).not.toMatch(/ (src|href)=/);
  });

  it('escapes the title, and keeps what a peer sends from ending the data', () => {
    const evil = '</script><script>alert(1)</script><!--';
    const recording: Recording = {
      entries: [{ at: 0, line: 'wire', signal: { kind: 'error', code: 'EVIL', errno: 0, phase: undefined, message: evil } }],
      cut: false,
    };
    const html = toHtml(recording, { title: evil });
    expect(html.match(/<\/?script/g)).toHaveLength(4);
    expect(rowsOf(html)[0]?.[2]).toBe(`error: EVIL: ${evil}`);
  });

  it('contains no bytes with `content: false`', () => {
    const html = toHtml(conversation(), { content: false });
    expect(html).not.toMatch(/KNOCK|4b4e4f434b/);
    expect(rowsOf(html)[3]?.slice(2)).toEqual(['data, 8 bytes', 0, expect.any(Number)]);
  });
});
