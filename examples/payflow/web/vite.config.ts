import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [react(), tailwindcss()],
  build: {
    // Nothing may become a data: URL or an inline script: the page is served under a strict CSP.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  // `pnpm --filter @payflow-app/web dev` beside a running stack: the API stays on one origin.
  server: { proxy: { '/api': 'http://127.0.0.1:3000' } },
})
