/** Does nothing: no stream has a guard here. See `judge-url.ts` for Node. */
export function judgeUrl(_guard: unknown, _href: string): void {}
