import type { Plugin } from 'vitest/config';

export function webFileOf(path: string): string | undefined;
export function webModules(): Plugin;
export function webModulesOnly(): Plugin;
export function webFiles(): ReadonlySet<string>;
