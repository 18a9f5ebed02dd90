// Sends what Segment's Node library sends.
import { Analytics } from "@segment/analytics-node"

const [url, key, person, count] = process.argv.slice(2)
const failed = []
const analytics = new Analytics({ writeKey: key, host: url, maxEventsInBatch: 50, maxRetries: 5 })
analytics.on("error", (error) => failed.push(error))
analytics.identify({ userId: person, traits: { plan: "pro", email: `${person}@example.com` } })
for (let number = 0; number < Number(count); number += 1) {
  analytics.track({ userId: person, event: "buy", properties: { n: number } })
}
analytics.page({ userId: person, category: "Shop", name: "Home" })
await analytics.closeAndFlush({ timeout: 50000 })
if (failed.length > 0) {
  console.error(failed)
  process.exit(1)
}
