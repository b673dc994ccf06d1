import { runService } from '@payflow-app/service-kit'
import { transactionService } from './service.ts'

await runService(transactionService)
