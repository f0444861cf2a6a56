// pdf.js, shut in: it gets bytes and gives pages. What reads the file runs in a worker; nothing is fetched from anywhere, no
// script of the file runs, no link of it can be pressed, no form of it filled.
import { getDocument, type PDFDocumentProxy, PDFWorker, VerbosityLevel } from "pdfjs-dist/legacy/build/pdf.mjs";
import workerCode from "pdfjs-dist/legacy/build/pdf.worker.min.mjs?script";
import dingbats from "pdfjs-dist/standard_fonts/FoxitDingbats.pfb?base64";
import symbols from "pdfjs-dist/standard_fonts/FoxitSymbol.pfb?base64";
import jbig2 from "pdfjs-dist/wasm/jbig2.wasm?base64";
import openjpeg from "pdfjs-dist/wasm/openjpeg.wasm?base64";

/** What unpacks the pictures of scanned pages, and the two standard fonts that no system has in their place. */
const parts: Readonly<Record<string, string>> = {
  "jbig2.wasm": jbig2,
  "openjpeg.wasm": openjpeg,
  "FoxitDingbats.pfb": dingbats,
  "FoxitSymbol.pfb": symbols,
};

/** Larger pictures are not unpacked: a few bytes of a file can ask for all of the memory. */
const mostPixels = 100_000_000;

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string };
}

/** `onmissing`: something of the file needs what is not here. */
export function openPdf(data: Uint8Array<ArrayBuffer>, onmissing: () => void): Promise<PDFDocumentProxy> {
  class Parts {
    async fetch({ filename }: { filename: string }): Promise<Uint8Array> {
      const found = parts[filename];
      if (found === undefined) {
        onmissing();
        throw new Error(`${filename} is not here`);
      }
      return bytesOf(found);
    }
  }
  const port = startWorker();
  const broken = new Promise<never>((_, reject) => {
    port.onerror = () => reject(new Error("The worker did not start, or broke."));
  });
  const opened = getDocument({
    data,
    worker: new PDFWorker({ port: port as never }),
    BinaryDataFactory: Parts,
    useWorkerFetch: false,
    useSystemFonts: true,
    disableWorkerRendering: true,
    enableXfa: false,
    maxImageSize: mostPixels,
    verbosity: VerbosityLevel.ERRORS,
  } as Parameters<typeof getDocument>[0]);
  return Promise.race([opened.promise, broken]);
}

function startWorker(): Worker {
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
  const url = URL.createObjectURL(new Blob([workerCode], { type: "text/javascript" }));
  // Lets through this one address.
  const policy = trustedTypes?.createPolicy("cychat-pdf", { createScriptURL: (asked) => (asked === url ? asked : "") });
  return new Worker(policy?.createScriptURL(url) ?? url);
}

const bytesOf = (base64: string) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
