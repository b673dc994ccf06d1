import { runService } from '@payflow-app/service-kit'
import { mailSink } from './service.ts'

await runService(mailSink)
