import { vitePreprocess } from "@sveltejs/vite-plugin-svelte";

export default {
  preprocess: vitePreprocess({ style: false }),
  compilerOptions: {
    runes: true,
    // Builds the DOM node by node, never through innerHTML: the page runs under `require-trusted-types-for 'script'`.
    fragments: "tree",
  },
};
