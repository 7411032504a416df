// A conversation as the files of a scenario: the agent writes them, without personal data.
import { get } from "./api.js";
import { download, remedy, say } from "./ui.js";
import { t } from "./i18n.js";

export async function saveScenario(path) {
  try {
    const saved = await get(path), file = saved.file.split("/").pop();
    download(file, saved.scenario);
    if (saved.cassette) download(file.replace(/\.yaml$/, ".cassette.yaml"), saved.cassette);
    say([...saved.notes, t("Put the file into the folder tests beside agent.yaml; balas test runs it.")].join(" "));
  } catch (error) { say(remedy(error), "bad"); }
}
