import { resolve } from 'node:path'

/** Where `npm start` keeps data, logs and secrets: `PAYFLOW_DIR`, or `.payflow` in the checkout. */
export function dataFolder(): string {
  const chosen = process.env['PAYFLOW_DIR'] ?? ''
  return chosen === '' ? resolve(import.meta.dirname, '../../.payflow') : resolve(chosen)
}
