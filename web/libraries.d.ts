// The types of the scripts that tools/bundle.py lays beside these files, as far as they are used.

declare module "*/dompurify.js" {
  export { default } from "dompurify";
}

declare module "*/idb-keyval.js" {
  export * from "idb-keyval";
}

declare module "*/markdown-it.js" {
  export { default } from "markdown-it";
}

declare module "*/temml.js" {
  export { default } from "temml";
}

declare module "*/highlight/highlight.js" {
  const hljs: {
    getLanguage(name: string): object | undefined;
    highlight(code: string, options: { language: string; ignoreIllegals: boolean }): { value: string };
  };
  export default hljs;
}
