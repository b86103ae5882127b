//! Volumes, networks and images, and removing what nobody uses.

use std::collections::HashMap;

use bollard::models::{
    NetworkConnectRequest, NetworkCreateRequest, NetworkDisconnectRequest, VolumeCreateRequest,
};
use bollard::query_parameters::{
    CreateImageOptionsBuilder, InspectNetworkOptions, ListNetworksOptions, ListVolumesOptions,
    PruneContainersOptionsBuilder, PruneImagesOptionsBuilder, PruneNetworksOptionsBuilder,
    PruneVolumesOptionsBuilder, RemoveVolumeOptions,
};
use futures_util::StreamExt as _;
use runbook_core::port::Stream;
use runbook_core::run::StepResult;
use runbook_core::value::Value;
use serde_json::json;

use super::{Act, data};
use crate::capture::Capture;
use crate::refusal::{Refusal, answer, failed, not_started};

impl Act<'_> {
    /// An operation on volumes, networks or images.
    pub(super) async fn thing(&self, operation: &str) -> Result<StepResult, Refusal> {
        let docker = &self.docker;
        let one = |what| self.params().name(operation, what);
        let mut found = Vec::new();
        match operation {
            "volume_ls" => {
                let listed = docker.list_volumes(None::<ListVolumesOptions>).await?;
                return Ok(answer(data(listed.volumes.unwrap_or_default())));
            }
            "network_ls" => {
                return Ok(answer(data(docker.list_networks(None::<ListNetworksOptions>).await?)));
            }
            "volume_inspect" => {
                for name in self.params().names(operation, "a volume")? {
                    found.push(data(docker.inspect_volume(&name).await?));
                }
            }
            "network_inspect" => {
                for name in self.params().names(operation, "a network")? {
                    found.push(data(docker.inspect_network(&name, None::<InspectNetworkOptions>).await?));
                }
            }
            "image_inspect" => {
                for name in self.params().names(operation, "an image")? {
                    found.push(data(docker.inspect_image(&name).await?));
                }
            }
            "volume_create" => {
                let (name, labels) = (Some(one("a volume")?), Some(self.labels()));
                let request = VolumeCreateRequest {
                    name,
                    driver: self.params().text("driver"),
                    labels,
                    ..Default::default()
                };
                found.push(data(docker.create_volume(request).await?));
            }
            "network_create" => {
                let (name, driver, labels) =
                    (one("a network")?, self.params().text("driver"), Some(self.labels()));
                let internal = Some(self.params().flag("internal"));
                if docker.inspect_network(&name, None::<InspectNetworkOptions>).await.is_ok() {
                    // The engine would make a second one of the same name.
                    return Err(failed(format!("there is a network `{name}` already")));
                }
                let request = NetworkCreateRequest {
                    name: name.clone(),
                    driver,
                    internal,
                    labels,
                    ..Default::default()
                };
                docker.create_network(request).await?;
                found.push(data(docker.inspect_network(&name, None::<InspectNetworkOptions>).await?));
            }
            "network_connect" => {
                let container = self.params().name("container", "a container")?;
                let request = NetworkConnectRequest { container, ..Default::default() };
                docker.connect_network(&one("a network")?, request).await?;
            }
            "network_disconnect" => {
                let container = self.params().name("container", "a container")?;
                let request = NetworkDisconnectRequest { container, ..Default::default() };
                docker.disconnect_network(&one("a network")?, request).await?;
            }
            "volume_rm" => {
                for name in self.params().names(operation, "a volume")? {
                    docker.remove_volume(&name, None::<RemoveVolumeOptions>).await?;
                    found.push(json!({"name": name, "changed": true}));
                }
            }
            "network_rm" => {
                for name in self.params().names(operation, "a network")? {
                    docker.remove_network(&name).await?;
                    found.push(json!({"name": name, "changed": true}));
                }
            }
            other => return Err(not_started(format!("`{other}` is no operation of the container engine"))),
        }
        Ok(self.listed(operation, found))
    }

    /// Fetches images, and shows how far that is.
    pub(super) async fn pull(&self) -> Result<StepResult, Refusal> {
        let mut found = Vec::new();
        let mut capture = Capture::new(self.context.output.clone(), &self.context.directory, false);
        for image in self.params().names("pull", "an image")? {
            let before = self.docker.inspect_image(&image).await.ok().and_then(|image| image.id);
            let (name, tag) = tagged(&image);
            let options = CreateImageOptionsBuilder::new().from_image(name).tag(tag).build();
            let mut progress = self.docker.create_image(Some(options), None, None);
            while let Some(step) = progress.next().await {
                // Numbers of bytes have no status of their own worth keeping.
                if let bollard::models::CreateImageInfo {
                    status: Some(status),
                    progress_detail: None,
                    id,
                    ..
                } = step?
                {
                    let id = id.map(|id| format!("{id}: ")).unwrap_or_default();
                    capture.push(Stream::Stdout, format!("{id}{status}\n").as_bytes());
                }
            }
            let now = self.docker.inspect_image(&image).await?;
            found.push(json!({
                "name": image,
                "id": now.id,
                "digests": now.repo_digests,
                "changed": now.id != before,
            }));
        }
        let mut result = self.listed("pull", found);
        (result.stdout, result.stderr, _) = capture.finish().await;
        Ok(result)
    }

    /// Removes what nobody uses, of the kinds that are named.
    pub(super) async fn prune(&self) -> Result<StepResult, Refusal> {
        let kinds = self.params().texts("prune");
        let known = ["containers", "images", "volumes", "networks"];
        if let Some(other) = kinds.iter().find(|kind| !known.contains(&kind.as_str())) {
            return Err(not_started(format!("`{other}` cannot be pruned; known are {}", known.join(", "))));
        }
        let filters: HashMap<String, Vec<String>> =
            self.params().pairs("filters").into_iter().map(|(name, value)| (name, vec![value])).collect();
        let mut json = runbook_core::value::Object::new();
        for kind in kinds {
            let removed = match kind.as_str() {
                "containers" => {
                    let options = PruneContainersOptionsBuilder::new().filters(&filters).build();
                    let pruned = self.docker.prune_containers(Some(options)).await?;
                    json!({"removed": pruned.containers_deleted.unwrap_or_default(), "bytes": pruned.space_reclaimed})
                }
                "images" => {
                    let options = PruneImagesOptionsBuilder::new().filters(&filters).build();
                    let pruned = self.docker.prune_images(Some(options)).await?;
                    json!({"removed": pruned.images_deleted.unwrap_or_default(), "bytes": pruned.space_reclaimed})
                }
                "volumes" => {
                    let options = PruneVolumesOptionsBuilder::new().filters(&filters).build();
                    let pruned = self.docker.prune_volumes(Some(options)).await?;
                    json!({"removed": pruned.volumes_deleted.unwrap_or_default(), "bytes": pruned.space_reclaimed})
                }
                _ => {
                    let options = PruneNetworksOptionsBuilder::new().filters(&filters).build();
                    json!({"removed": self.docker.prune_networks(Some(options)).await?.networks_deleted.unwrap_or_default()})
                }
            };
            json.insert(kind, removed);
        }
        Ok(answer(Value::Object(json)))
    }

    fn labels(&self) -> HashMap<String, String> {
        self.params().pairs("labels").into_iter().collect()
    }
}

/// Name and tag of an image; without a tag the engine would fetch them all.
fn tagged(image: &str) -> (&str, &str) {
    if image.contains('@') {
        return (image, "");
    }
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_has_one_tag() {
        assert_eq!(tagged("redis"), ("redis", "latest"));
        assert_eq!(tagged("registry.example.net:5000/app"), ("registry.example.net:5000/app", "latest"));
        assert_eq!(tagged("registry.example.net:5000/app:v2"), ("registry.example.net:5000/app", "v2"));
        assert_eq!(tagged("app@sha256:00"), ("app@sha256:00", ""));
    }
}
