import js from '@eslint/js';
import rxjsX from 'eslint-plugin-rxjs-x';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

const SCHEDULERS = 'Time is rxjs schedulers only: a TestScheduler must see every tick and timer.';

/** Every way round the schedulers: as a global, as a property of a global, as an import. */
const TIMERS = ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'];
const forbiddenTime = {
  'no-restricted-globals': ['error', ...TIMERS.map((name) => ({ name, message: SCHEDULERS }))],
  'no-restricted-properties': [
    'error',
    ...TIMERS.map((property) => ({ object: 'globalThis', property, message: SCHEDULERS })),
    { object: 'process', property: 'nextTick', message: SCHEDULERS },
    { object: 'Date', property: 'now', message: `${SCHEDULERS} Ask \`scheduler.now()\`.` },
    { object: 'performance', property: 'now', message: `${SCHEDULERS} Ask \`scheduler.now()\`.` },
  ],
  'no-restricted-imports': [
    'error',
    {
      patterns: [
        { regex: '^(node:)?timers(/promises)?$', message: SCHEDULERS },
        { regex: '^(node:)?process$', importNames: ['nextTick'], message: SCHEDULERS },
      ],
    },
  ],
};

export default defineConfig(
  globalIgnores(['**/dist', 'docs/.vitepress/cache', 'docs/.vitepress/.temp', 'docs/public', 'coverage', '.tmp']),
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  rxjsX.configs.recommended,
  {
    languageOptions: {
      parserOptions: {
        project: ['./tsconfig.check.json', './tsconfig.web.json', './docs/playground/tsconfig.json', './examples/web-chat/tsconfig.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      // The contract is written with `type`; unions and records stand side by side in it.
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false }],
      // isolatedDeclarations wants the type on the left of a public field.
      '@typescript-eslint/consistent-generic-constructors': 'off',
      // Hot loops: for-of over bytes goes through the iterator.
      '@typescript-eslint/prefer-for-of': 'off',
      // Observers and teardowns that do nothing are said with an empty function.
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true }],
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: 'only-allowed-literals' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // A callback or generator may return something or nothing: `Record<string, unknown> | void`.
      '@typescript-eslint/no-invalid-void-type': 'off',
      // Allowed where `no-restricted-syntax` below says so.
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    files: ['src/**'],
    rules: {
      ...forbiddenTime,
      // With noUncheckedIndexedAccess `bytes[i]` may be undefined; a byte loop knows its bounds and says `bytes[i]!`. Nothing else may.
      'no-restricted-syntax': [
        'error',
        {
          selector: 'TSNonNullExpression > :not(MemberExpression[computed=true])',
          message: 'Only an indexed access (`bytes[i]!`) may be asserted: check the value or change its type.',
        },
      ],
    },
  },
  // Where schedulers meet the clock and the timers of the platform.
  {
    files: ['src/util/{real-time,next-turn,tick-queue,timer}.ts'],
    rules: Object.fromEntries(Object.keys(forbiddenTime).map((rule) => [rule, 'off'])),
  },
  {
    files: ['spec/**'],
    rules: {
      // Wrong arguments are given on purpose, fakes are async because their contract is.
      '@typescript-eslint/require-await': 'off',
      // vitest types asymmetric matchers (`expect.stringMatching`) as `any`.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/unbound-method': 'off',
      // A spec lets a peer answer from inside the subscription it watches.
      'rxjs-x/no-nested-subscribe': 'off',
    },
  },
  // Plain JavaScript here is tool configuration and helper scripts, outside of any tsconfig.
  {
    files: ['**/*.{js,mjs}'],
    extends: [tseslint.configs.disableTypeChecked],
    rules: Object.fromEntries(Object.keys(rxjsX.configs.recommended.rules).map((rule) => [rule, 'off'])),
    languageOptions: { globals: { console: 'readonly', process: 'readonly', URL: 'readonly' } },
  },
);
