import { uniqueName } from '@payflow/testkit'
import { Script } from './broker-script.ts'
import type { ScriptBroker } from './broker-script.ts'
import type { BrokerScript } from './broker-scripts.ts'

/** What the script notes of this broker. */
export async function play(broker: ScriptBroker, perform: BrokerScript): Promise<unknown[]> {
  const script = new Script(broker, uniqueName('model'))
  try {
    await perform(script)
    return [...script.notes]
  } finally {
    await script.end()
  }
}
