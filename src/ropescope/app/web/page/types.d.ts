/** The shapes that travel between the page and what answers it. `forms.py` and `backend.py` make them. */

export type Needs = "files" | "data" | "weights";
export type Basis = "config" | "measured" | "formula" | "published" | "assumed";

export interface Listed {
  name: string;
  asks: string;
  needs: Needs;
  words: string;
}

export interface Catalogue {
  version: string;
  situations: { title: string; questions: Listed[] }[];
}

export interface Field {
  name: string;
  control: "text" | "choice" | "flag" | "source" | "file" | "device";
  several: boolean;
  /** A list whose values are given one by one, and not with commas between. */
  repeats: boolean;
  /** Given by its place on a command line, and not as an option. */
  placed: boolean;
  placeholder: string;
  help: string;
  accepts: string;
  options: string[];
  default: string | boolean | null;
  required: boolean;
  group: string;
  only_with: string[];
}

export interface Form {
  name: string;
  asks: string;
  needs: Needs;
  extra: string;
  decides: boolean;
  copied: string;
  keeps: string;
  example: Given;
  fields: Field[];
}

/** Inputs as a person writes them, by field. */
export type Given = Record<string, string | string[] | boolean>;

export interface ShownFact {
  name: string;
  value: string;
  interval: string;
  basis: Basis;
  source: string;
  note: string;
}

export interface ShownTable {
  title: string;
  heads: { text: string; numeric: boolean }[];
  rows: { text: string; key: string; numeric: boolean }[][];
  note: string;
  limit: number | null;
}

export interface ShownFigure {
  name: string;
  title: string;
  caption: string;
  spec: Record<string, any>;
}

export interface ShownStep {
  why: string;
  question: string | null;
  inputs: Given;
}

export interface ShownReport {
  title: string;
  verdict: string;
  lead: string;
  holds: boolean | null;
  facts: ShownFact[];
  tables: ShownTable[];
  figures: ShownFigure[];
  caveats: string[];
  steps: ShownStep[];
  data: Record<string, any>;
  whole: Record<string, any>;
  markdown: string;
  /** In another language: the texts that are English still. */
  english?: string[];
}

export interface Answered {
  report: ShownReport;
  command: string;
  python: string;
  /** Files that the answer made (a plan, a profile), to be saved. */
  files?: { name: string; href: string }[];
}

export interface Refused {
  /** `hub` is a repository that was not asked about: `allowHub`, and ask again. `account`: one for which a token may help. */
  error: { message: string; field: string | null; missing: boolean; hub?: string | null; account?: string | null };
}

export type Answer = Answered | Refused;

export interface Watch {
  /** Aborted when the user cancels; the answer is then an AbortError, or what was finished by then. */
  signal: AbortSignal;
  onSay(line: string): void;
  onProgress(done: number, planned: number, what: string): void;
}

/** What answers the page: a server on this machine, or Python in this browser. Made by `connect()` of server.js or static.js. */
export interface Backend {
  kind: "server" | "static";
  catalogue(): Promise<Catalogue>;
  form(name: string): Promise<Form>;
  /** What is wrong with the inputs so far, by field. Must not wait for Python to load: {} until then. */
  problems(name: string, given: Given): Promise<Record<string, string>>;
  /** Never rejects for what a user gave: that is `Refused`. Rejects with AbortError on cancel, with a sentence where nothing answers. */
  answer(name: string, given: Given, watch: Watch): Promise<Answer>;
  /** Keeps a file where Python reads it, under its own name in a fresh folder; the path to give as an input. A JSON file that is
   *  given `asSource` and is named otherwise, as Llama-3.1-8B.json, is kept as config.json in a folder of its stem. */
  keepFile(file: File, asSource: boolean): Promise<string>;
  /** Keeps a folder of files by their paths in it; the path of the folder. */
  keepFolder(name: string, files: readonly { path: string; file: File }[]): Promise<string>;
  /** Whether this backend can answer the question at all. */
  can(form: Pick<Form, "name" | "needs"> & { extra?: string }): { ok: boolean; why?: string };
  /** Begin to load what answers need; resolves when the first answer would start at once. */
  prepare(onSay?: (line: string) => void): Promise<void>;
  /** Follow an answer to exactly this request that was begun before the page was loaded again, if one is still kept. */
  resume?(name: string, given: Given, watch: Watch): Promise<Answer> | null;
  /** The user lets the page ask the Hub about a repository that no input names, such as the base of an adapter. */
  allowHub?(repository: string): void;
  /** Take a token of the Hub for gated models ("" for none), for as long as the page is open, or the tab if it `stays`. */
  useToken?(token: string, stays: boolean): void;
  hasToken?(): boolean;
}
