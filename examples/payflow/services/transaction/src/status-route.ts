import type { StatusView } from '@payflow-app/contracts'
import { route, unavailable } from '@payflow-app/service-kit'
import type { Express } from 'express'
import type { FlowWatch } from './flow-watch.ts'

/**
 * `GET /status`: how payments as a whole are doing. For everybody: it says no more than what
 * anybody notices who pays. Answered from the last look, so that no crowd of open pages reaches the
 * database; 503 when there was none lately.
 */
export function statusRoute(app: Express, flow: Pick<FlowWatch, 'current'>): void {
  route(app, '/status', {
    get: [
      (_req, res) => {
        const payments = flow.current()
        if (payments === undefined) throw unavailable('How payments are doing is not known')
        res.json({ payments } satisfies StatusView)
      },
    ],
  })
}
