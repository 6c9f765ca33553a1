import { defineConfig } from "vite";
import { thirdPartyLicenses } from "./scripts/licenses.mjs";

// Names in assets/ have a hash of the contents, because the server lets browsers keep these files for good.
export default defineConfig({
  base: "./",
  cacheDir: ".cache",
  publicDir: false,
  plugins: [thirdPartyLicenses()],
  build: {
    target: "es2022",
    outDir: "dist",
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1000,
    rollupOptions: {
      output: {
        entryFileNames: "assets/page-[hash].js",
        assetFileNames: "assets/[name]-[hash][extname]",
      },
    },
  },
});
