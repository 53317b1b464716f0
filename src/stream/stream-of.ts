import type { FactsOf, LayerDetails, Timeouts } from '../wire/signal.ts';

/** A key that starts with a capital of any alphabet: a letter that equals its upper case, and not its lower case. */
type OwnKey<K> = K extends `${infer F}${string}` ? (F extends Uppercase<F> ? (F extends Lowercase<F> ? never : K) : never) : never;

/** The user's own fields of the options: those whose names start with a capital. */
export type OwnFields<O> = { [K in keyof O as OwnKey<K>]: O[K] };

type Capital =
  | ('A' | 'B' | 'C' | 'D' | 'E' | 'F' | 'G' | 'H' | 'I' | 'J' | 'K' | 'L' | 'M')
  | ('N' | 'O' | 'P' | 'Q' | 'R' | 'S' | 'T' | 'U' | 'V' | 'W' | 'X' | 'Y' | 'Z');

/** Own fields that are not known by name. */
export type AnyOwnFields = Readonly<Record<`${Capital}${string}`, unknown>>;

/** Rejects each of these names with any value; the compiler shows the text. */
type Unknown<Name> = { readonly [N in Name & string]: `unknown option ${N}` };

/** The required keys: a misspelt key of a literal is one, an optional field of prepared options is not. */
type GivenKey<O> = keyof { [K in keyof O as object extends Pick<O, K> ? never : K]: K };

/** Rejects keys that are neither an option `Name` nor an own field: a misspelt option does not compile, nor does a function. */
export type OnlyOptions<O, Name> = Unknown<Exclude<GivenKey<O>, Name | OwnKey<keyof O>>> & { readonly apply?: never };

/** Rejects unknown names in `timeouts`. */
export type OnlyTimeouts<O> = O extends { readonly timeouts: infer T }
  ? { readonly timeouts: Unknown<Exclude<GivenKey<T>, keyof Timeouts>> }
  : unknown;

/** The details of plugins whose names the type does not know. */
export type AnyDetails = Readonly<Record<string, LayerDetails>>;

/** The details that the plugins in the options report, by plugin name. */
export type DetailsOf<O> = O extends { readonly plugin: infer P extends object } ? AsDetails<DetailsByName<P>> : AnyDetails;

type DetailsByName<P> = P extends readonly unknown[]
  ? AnyDetails
  : string extends keyof P
    ? AnyDetails
    : { readonly [Name in keyof P]: LayerDetails & FactsOf<P[Name]> };

/** The same type, in a form that the compiler accepts as `AnyDetails`. */
type AsDetails<D> = D extends AnyDetails ? D : AnyDetails;

/** Details that may be missing. */
export type MaybeDetails<D> = string extends keyof D ? D : AsDetails<Partial<D>>;

/** Options that keep the types of their own fields and plugins. */
export type OptionsOf<O, Options> = O & Options & OnlyOptions<O, keyof Options> & OnlyTimeouts<O>;
