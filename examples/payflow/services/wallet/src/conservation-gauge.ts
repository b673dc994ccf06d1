import type { Executor, Ledger } from '@payflow/ledger'
import { Gauge, type Registry } from 'prom-client'

/**
 * Exports `payflow_ledger_imbalance_minor{currency}`: debits less credits of all accounts. It is 0,
 * or money was made or lost. While the ledger cannot be read there is no value rather than an old
 * one.
 */
export function registerConservationGauge(registry: Registry, db: Executor, ledger: Ledger): void {
  new Gauge({
    name: 'payflow_ledger_imbalance_minor',
    help: 'Debits less credits of all accounts in minor units; anything but 0 is an alarm',
    labelNames: ['currency'] as const,
    registers: [registry],
    async collect() {
      this.reset()
      try {
        const { totals } = await ledger.trialBalance(db)
        for (const { currency, differenceMinor } of totals) {
          this.set({ currency }, Number(differenceMinor))
        }
      } catch {
        // No value: `absent()` in the alert tells this from 0.
      }
    },
  })
}
